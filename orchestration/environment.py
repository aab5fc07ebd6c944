"""The process's environment: the only module that reads or sets it."""

import os
from collections.abc import Mapping
from pathlib import Path

DEFAULT_HOME = "data"
PREFIX = "FLOWHOUSE_"
OTHER_VARIABLES = tuple(f"{PREFIX}{name}" for name in ("HOME", "BUILD_FILE", "RAW_PATH", "WAREHOUSE"))
"""Variables that are no settings: where the home is, and what dbt's profile reads."""


def home_root() -> Path:
    """The home folder: FLOWHOUSE_HOME, or `./data`; the rest of the settings lies in it."""
    return Path(os.environ.get(f"{PREFIX}HOME") or DEFAULT_HOME)


def cache_root() -> Path:
    """The user's folder of what can be made anew: XDG_CACHE_HOME, or `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flowhouse"


def variables() -> Mapping[str, str]:
    """The environment, as it is now."""
    return os.environ


def with_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with these variables, for another process."""
    return os.environ | variables
