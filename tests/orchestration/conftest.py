"""A home built from the bundled sample through the command line, once for all tests that only read it."""

import shutil
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner
from filelock import FileLock

from orchestration.cli.main import main
from orchestration.publishing.report import drawing


@pytest.fixture(scope="session")
def flowhouse():
    """Run a command in this process; returns click's result, whose exit_code and output are what a user sees."""

    def run(*arguments: object):
        return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)

    return run


@pytest.fixture(scope="session")
def sample_home(flowhouse, tmp_path_factory, worker_id) -> Path:
    """Other processes of the tests read it too: what writes into it takes a copy, as `copied` makes it."""
    folder = _of_all_processes(tmp_path_factory, worker_id) / "sample"
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            folder.mkdir()
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder)  # where the home is ./data, as for the README's first command
                result = flowhouse("build", "--sample")
            if result.exit_code:
                (folder / "failed").write_text(result.output)
    assert not (folder / "failed").exists(), (folder / "failed").read_text()
    return folder / "data"


@pytest.fixture(scope="session", autouse=True)
def charts_drawn_once(tmp_path_factory, worker_id):
    """New homes draw the same charts, 5 s of CPU for a report of the sample: they share what is kept of those."""
    folder = _of_all_processes(tmp_path_factory, worker_id) / "charts"
    folder.mkdir(exist_ok=True)
    draw = drawing._drawn

    def drawn(*plan):
        key = drawing._key(*plan)
        return drawing._kept(folder, key) or drawing._keep(folder, key, draw(*plan))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "_drawn", drawn)
        yield


def _of_all_processes(tmp_path_factory, worker_id) -> Path:
    of_worker = tmp_path_factory.getbasetemp()
    return of_worker if worker_id == "master" else of_worker.parent


@pytest.fixture
def copied(sample_home, tmp_path) -> Path:
    """The sample's home, of this test alone."""
    return shutil.copytree(sample_home, tmp_path / "copied", symlinks=True)


@pytest.fixture
def rows():
    """Rows of a query on a published folder's warehouse."""

    def query(folder: Path, sql: str) -> list[tuple]:
        with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as con:
            return con.sql(sql).fetchall()

    return query
