"""The settings. The only module that reads or sets the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ingestion.errors import UsageError


@dataclass(frozen=True)
class Settings:
    """The settings, each from the environment variable FLOWHOUSE_<NAME>.

    Attributes:
        home: folder of archive, lake, builds and published folders.
        contact: mail address or web page that publishers see in the User-Agent; may be empty.
        keep_builds: how many published builds are kept; those under a day old are always kept.
        mode: how a scheduled run ingests: live, or held (stored captures only).
        confirmations: blocks on top of a block before it is finalized, at most 1,000.
        rpc_user, rpc_password: of a Bitcoin node without a cookie.
        evm_rpc_url: address of an account chain's provider, possibly with a key in it.
    """

    home: Path = Path("data")
    contact: str = ""
    keep_builds: int = 7
    mode: Literal["live", "held"] = "held"
    confirmations: int = 1000
    rpc_user: str = ""
    rpc_password: str = field(default="", repr=False)
    evm_rpc_url: str = field(default="", repr=False)

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Settings from the environment, defaults elsewhere.

        Raises:
            UsageError: a value is invalid.
        """
        given = {name: environment.get(f"FLOWHOUSE_{name.upper()}", "") for name in cls.__dataclass_fields__}
        keep = given["keep_builds"] or str(cls.keep_builds)
        if not keep.isdigit() or int(keep) < 1:
            raise UsageError(f"FLOWHOUSE_KEEP_BUILDS is '{keep}': set it to a whole number of at least 1.")
        confirmations = given["confirmations"] or str(cls.confirmations)
        if not confirmations.isdigit() or not 1 <= int(confirmations) <= cls.confirmations:
            raise UsageError(f"FLOWHOUSE_CONFIRMATIONS is '{confirmations}': set it to a whole number from 1 to 1000.")
        mode = given["mode"] or cls.mode
        if mode not in ("live", "held"):
            raise UsageError(f"FLOWHOUSE_MODE is '{mode}': set it to live or held.")
        return cls(
            Path(given["home"] or cls.home),
            given["contact"],
            int(keep),
            mode,
            int(confirmations),
            given["rpc_user"],
            given["rpc_password"],
            given["evm_rpc_url"],
        )


def export(variables: Mapping[str, str]) -> None:
    """Set variables for libraries in this process that read the environment, as dbt does."""
    os.environ.update(variables)


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with these variables, for another process."""
    return os.environ | variables
