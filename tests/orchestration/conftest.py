"""A home built from the bundled sample through the command line, once for all tests that only read it."""

from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from orchestration.cli.main import main


@pytest.fixture(scope="session")
def flowhouse():
    """Run a command in this process; returns click's result, whose exit_code and output are what a user sees."""

    def run(*arguments: object):
        return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)

    return run


@pytest.fixture(scope="session")
def sample_home(flowhouse, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # where the home is ./data, as for the README's first command
        result = flowhouse("build", "--sample")
    assert result.exit_code == 0, result.output
    return folder / "data"


@pytest.fixture
def rows():
    """Rows of a query on a published folder's warehouse."""

    def query(folder: Path, sql: str) -> list[tuple]:
        with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as con:
            return con.sql(sql).fetchall()

    return query
