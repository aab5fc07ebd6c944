"""The sample on Spark, on this machine: equal to DuckDB's, only what changed, and whole whenever it is killed."""

import json
import sys
import time
from pathlib import Path

import duckdb
import pytest
from commands import FLOWHOUSE, WAIT_SECONDS, flowhouse, killed
from compare import differences
from lake_changes import drop_row

from orchestration.home import Home

CHANGED = "alternative_me/fng"
KILLED_BEFORE_PUBLISHING = """
import os, signal
from orchestration.cli.main import main
from orchestration.publishing import publish
publish.publish = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
main(["build", "--engine", "spark", "--home", {home!r}])
"""


@pytest.fixture(scope="module")
def home(copied) -> Home:
    """The sample's lake, built on Spark."""
    home = copied()
    flowhouse(home, "--engine", "spark")
    return home


def manifest(home: Home) -> dict:
    return json.loads((home.published / "latest/manifest.json").read_text())


def outline(home: Home) -> list[list[tuple]]:
    """Columns with their types and comments, keys and functions of what is published."""
    with duckdb.connect(str(home.published / "latest/warehouse.duckdb"), read_only=True) as con:
        queries = (
            "select schema_name, table_name, column_name, data_type, is_nullable, comment from duckdb_columns()",
            "select table_name, comment from duckdb_tables()",
            "select table_name, constraint_text from duckdb_constraints()",
            "select schema_name, function_name, macro_definition from duckdb_functions() where schema_name = 'marts'",
        )
        return [con.sql(f"{query} order by all").fetchall() for query in queries]


def java_children(process) -> list[str]:
    """The Java machines that a process has started."""
    tasks = Path(f"/proc/{process.pid}/task").glob("*/children")
    children = [child for task in tasks for child in task.read_text().split()]
    return [child for child in children if b"java" in Path(f"/proc/{child}/cmdline").read_bytes()]


def wait_for(condition) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_all_tables_are_those_of_duckdb(home, duckdb_home):
    assert differences(duckdb_home.build_file, home.spark_warehouse, ("seeds", "intermediate", "marts")) == []


def test_what_is_published_is_the_same_folder(home, duckdb_home):
    one, other = (folder.published / "latest" for folder in (home, duckdb_home))
    assert sorted(path.relative_to(one) for path in one.rglob("*")) == sorted(
        path.relative_to(other) for path in other.rglob("*")
    )
    assert outline(home) == outline(duckdb_home)
    rows = {name: mart["rows"] for name, mart in manifest(home)["marts"].items()}
    assert rows == {name: mart["rows"] for name, mart in manifest(duckdb_home)["marts"].items()}


def test_with_nothing_new_no_java_is_started(home):
    said = (home.build / "spark.log").stat().st_mtime_ns
    assert "Nothing new" in flowhouse(home, "--engine", "spark")
    assert (home.build / "spark.log").stat().st_mtime_ns == said


def test_a_killed_build_publishes_nothing_and_the_next_goes_on(home, duckdb_home, copied):
    before = manifest(home)
    untouched = home.spark_warehouse / "marts.db/funds/_SUCCESS"
    age = untouched.stat().st_mtime_ns
    drop_row(home, CHANGED)
    table = home.spark_warehouse / "marts.db/market_sentiment_daily/_SUCCESS"
    old = table.stat().st_mtime_ns
    with killed([FLOWHOUSE, "build", "--engine", "spark", "--home", home.root]) as process:
        wait_for(lambda: not table.exists() or table.stat().st_mtime_ns != old)
        machines = java_children(process)
    assert machines
    wait_for(lambda: not any(Path(f"/proc/{machine}").exists() for machine in machines))
    assert manifest(home) == before

    with killed([sys.executable, "-c", KILLED_BEFORE_PUBLISHING.format(home=str(home.root))]) as process:
        process.wait(WAIT_SECONDS)
    assert manifest(home) == before

    flowhouse(home, "--engine", "spark")
    assert manifest(home) != before
    assert untouched.stat().st_mtime_ns == age  # what did not depend on the change
    other = copied()
    drop_row(other, CHANGED)
    flowhouse(other)
    assert differences(other.build_file, home.spark_warehouse, ("intermediate", "marts")) == []
