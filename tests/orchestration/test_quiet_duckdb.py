"""DuckDB 1 draws its progress on standard output where nobody forbids it."""

import json

import duckdb
import pytest

from orchestration import dbt, quiet_duckdb
from orchestration.errors import BuildFailed
from orchestration.home import Home
from orchestration.publishing import marts
from orchestration.publishing.connection import connect
from orchestration.settings import Engine


def draws(con: duckdb.DuckDBPyConnection) -> bool:
    return con.sql("select current_setting('enable_progress_bar')").fetchall() == [(True,)]


@pytest.fixture
def build_file(tmp_path):
    duckdb.connect(str(tmp_path / "build.duckdb")).close()
    return tmp_path / "build.duckdb"


def test_no_connection_draws(build_file, sample_home):
    for opened in (quiet_duckdb.connect(), quiet_duckdb.connect(build_file), marts.connected(build_file, None)):
        with opened as con:
            assert not draws(con)
    with connect(Home(sample_home)) as con:
        assert not draws(con)


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
