"""Models of funds, run over rows of a test in memory: one call of dbt for any number of tests."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping

import duckdb
import polars as pl
import pytest

from orchestration.home import DBT_PROJECT, Home

MODELS = ("int_etf__share_counts", "etf_flows_daily", "etf_revisions")

COLUMNS = {
    "marts.etf_observations": "source varchar, asset varchar, ticker varchar, value_date date, metric varchar,"
    " observed_at timestamp, raw_text varchar, value double, archive_sha256 varchar, is_report boolean default true",
    "marts.funds": "ticker varchar, asset varchar, first_flow_date date, last_flow_date date, fee_bps double,"
    " share_date_convention varchar",
    "marts.fund_events": "ticker varchar, event_date date, kind varchar, ratio double",
    "marts.etf_filings": "ticker varchar, quarter_end_date date, filed_date date, filed_native double,"
    " shares_outstanding double",
    "marts.market_sessions": "session_date date, opens_at timestamp, closes_at timestamp",
    "intermediate.int_market__price_observations": "source varchar, asset varchar, venue varchar, value_date date,"
    " metric varchar, value double, observed_at timestamp",
}
"""The columns that the models read."""

EARLY = """
    update marts.etf_observations set is_report = false from marts.market_sessions
    where session_date = value_date and metric = 'net_flow_usd' and ticker <> 'TOTAL' and observed_at < closes_at
"""
"""What is printed before the close of its day is no report."""

Rows = Mapping[str, list[dict]]


@pytest.fixture(scope="session")
def compiled(tmp_path_factory) -> dict[str, str]:
    """The SQL of each model."""
    home = Home(tmp_path_factory.mktemp("home"))
    home.build.mkdir(parents=True)
    where = {"FLOWHOUSE_BUILD_FILE": str(home.build_file), "FLOWHOUSE_RAW_PATH": f"{home.lake.root},{home.build}"}
    command = [sys.executable, "-m", "dbt.cli.main", "--quiet", "compile", "--project-dir", DBT_PROJECT]
    command += ["--profiles-dir", DBT_PROJECT, "--target-path", home.dbt_target, "--log-path", home.dbt_target]
    run = subprocess.run([*command, "--select", *MODELS], env=os.environ | where, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    files = {path.stem: path for path in (home.dbt_target / "compiled").rglob("*.sql")}
    return {model: files[model].read_text().replace(f'"{home.build_file.stem}".', "") for model in MODELS}


@pytest.fixture(scope="session")
def rows_of(compiled) -> Callable[[str, Rows], list[dict]]:
    """The rows of a model where its tables have these rows; those that are not named have none."""

    def rows_of(model: str, tables: Rows) -> list[dict]:
        with duckdb.connect() as con:
            con.execute("create schema marts; create schema intermediate")
            for table, columns in COLUMNS.items():
                con.execute(f"create table {table} ({columns})")
                if held := tables.get(table.split(".")[1]):
                    given = pl.DataFrame(held, infer_schema_length=None)
                    con.register("given", given.to_arrow())
                    con.execute(f"insert into {table} by name select * from given")
            con.execute(EARLY)
            return con.sql(compiled[model]).pl().to_dicts()

    return rows_of
