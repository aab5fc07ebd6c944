"""DuckDB draws its progress on standard output where it takes the program for a person at a prompt."""

import json
import subprocess
import sys

import duckdb
import pytest

from orchestration import dbt
from orchestration.errors import BuildFailed
from orchestration.home import Home
from orchestration.publishing import marts
from orchestration.settings import Engine

OPENED = """
import sys
from pathlib import Path
from orchestration import quiet_duckdb
from orchestration.publishing import marts
file = Path(sys.argv[1])
for opened in (quiet_duckdb.connect(), quiet_duckdb.connect(file), marts.connected(file, None)):
    with opened as con:
        print(con.sql("select current_setting('enable_progress_bar')").fetchall()[0][0])
"""


@pytest.fixture
def build_file(tmp_path):
    duckdb.connect(str(tmp_path / "build.duckdb")).close()
    return tmp_path / "build.duckdb"


def test_no_connection_draws_where_the_program_has_no_file(build_file):
    """As in the processes of an executor: DuckDB takes them for a person at a prompt."""
    command = [sys.executable, "-c", OPENED, str(build_file)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert said.split() == ["False"] * 3


def test_models_are_built_without_drawing(tmp_path):
    home = Home(tmp_path)
    dbt._write_profile(home, Engine())
    outputs = json.loads((home.build / "profiles.yml").read_text())["flowhouse"]["outputs"]
    assert outputs["local"]["settings"]["enable_progress_bar"] is False


def test_marts_are_written_in_the_memory_that_the_settings_give(build_file):
    with marts.connected(build_file, "1GiB") as con:
        settings = "select current_setting('memory_limit'), current_setting('temp_directory')"
        assert con.sql(settings).fetchall() == [("1.0 GiB", f"{build_file}.tmp")]


def test_too_little_memory_is_told_in_one_sentence(build_file, tmp_path):
    with duckdb.connect(str(build_file)) as con:
        con.execute("create schema marts")
        con.execute("create table marts.many as select hash(range) as n, repeat('x', 90) as x from range(200000)")
    with pytest.raises(BuildFailed, match=r"give it more by memory_limit of \[engine\]\.$"):
        marts.write(build_file, tmp_path / "folder", (), None, "4MB")
