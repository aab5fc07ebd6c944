"""dbt's unit tests, and a build over sources without rows: one run of dbt (15 to 22 s of CPU) for both."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from ingestion import calendar, registry
from ingestion.bitcoin.rows import BLOCKS_DAILY, COIN_CREATED, COIN_FLOW
from ingestion.evm import ledger
from ingestion.lake.observations import observation_schema
from ingestion.sources import holder_series
from orchestration import own_seeds
from orchestration.home import DBT_PROJECT, Home
from orchestration.settings import Settings

FACTS = {"funds", "fund_events", "etf_filings", "market_sessions", "claims", "claim_checks"}
"""Marts of reviewed facts and of the calendar: they have rows without any publisher."""

CHAIN = {"coin_flow": COIN_FLOW, "coin_created": COIN_CREATED, "blocks_daily": BLOCKS_DAILY}
"""Columns of the chain's raw tables."""


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    """A home whose sources have no rows, built with every unit test and data test."""
    home = Home(tmp_path_factory.mktemp("home"))
    for source in registry.sources():
        home.lake.write(source.name, source.table, pl.DataFrame(schema=observation_schema(source.key)))
    home.lake.write("holder_series", "definitions", pl.DataFrame(schema=holder_series.DEFINITIONS_SCHEMA))
    for table, schema in CHAIN.items():
        home.lake.write("bitcoin", table, pl.DataFrame(schema=schema))
    ledger.create_tables(home.lake)
    own_seeds.update(home, Settings())
    home.lake.write(calendar.SOURCE, calendar.TABLE, calendar.sessions(date(2025, 3, 3), date(2025, 3, 14)))
    home.write_control(home.build)
    where = {"FLOWHOUSE_BUILD_FILE": str(home.build_file), "FLOWHOUSE_RAW_PATH": f"{home.lake.root},{home.build}"}
    command = [sys.executable, "-m", "dbt.cli.main", "--no-use-colors", "build", "--project-dir", DBT_PROJECT]
    command += ["--profiles-dir", DBT_PROJECT, "--target-path", home.dbt_target, "--log-path", home.dbt_target]
    run = subprocess.run(command, env=os.environ | where, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return home


def read(home: Home, artifact: str) -> dict:
    return json.loads((home.dbt_target / artifact).read_bytes())


def statuses(home: Home) -> dict[str, str]:
    """How each node of the run ended, by its id; an exposure has nothing to run."""
    ended = {result["unique_id"]: result["status"] for result in read(home, "run_results.json")["results"]}
    return {name: status for name, status in ended.items() if not name.startswith("exposure.")}


def test_every_unit_test_passes_and_none_is_skipped(home):
    unit_tests = read(home, "manifest.json")["unit_tests"]
    assert unit_tests
    assert {name: statuses(home).get(name) for name in unit_tests} == dict.fromkeys(unit_tests, "pass")


def test_nothing_else_fails_or_is_skipped_over_sources_without_rows(home):
    assert set(statuses(home).values()) == {"success", "pass"}


def test_every_mart_builds_without_rows_where_publishers_said_nothing(home):
    marts = {path.stem for path in Path(DBT_PROJECT, "models/marts").rglob("*.sql")}
    with duckdb.connect(str(home.build_file), read_only=True) as build:
        rows = {mart: build.sql(f"select count(*) from marts.{mart}").fetchall()[0][0] for mart in marts}
    assert {mart for mart in marts if rows[mart]} == FACTS
