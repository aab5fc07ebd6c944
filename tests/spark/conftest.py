"""The sample's homes."""

import shutil
from collections.abc import Callable

import pytest
from commands import flowhouse

from orchestration.home import Home


@pytest.fixture(scope="session")
def duckdb_home(tmp_path_factory) -> Home:
    """The sample, built on DuckDB."""
    home = Home(tmp_path_factory.mktemp("duckdb") / "home")
    flowhouse(home, "--sample")
    return home


@pytest.fixture(scope="session")
def copied(duckdb_home, tmp_path_factory) -> Callable[[], Home]:
    """Makes a home with the same lake."""
    return lambda: Home(shutil.copytree(duckdb_home.root, tmp_path_factory.mktemp("spark") / "home", symlinks=True))
