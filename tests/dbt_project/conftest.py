"""Models of funds, run over rows of a test in memory: one call of dbt for any number of tests."""

from collections.abc import Callable, Mapping

import duckdb
import in_memory
import polars as pl
import pytest

MODELS = ("int_etf__share_counts", "etf_flows_daily", "etf_revisions", "onchain_transfer_signatures_daily")

COLUMNS = {
    "marts.etf_observations": "source varchar, asset varchar, ticker varchar, value_date date, metric varchar,"
    " observed_at timestamp, raw_text varchar, value double, archive_sha256 varchar, is_report boolean default true",
    "marts.funds": "ticker varchar, asset varchar, first_flow_date date, last_flow_date date, fee_bps double,"
    " share_date_convention varchar, creation_unit integer",
    "marts.etf_fund_fees": "ticker varchar, from_date date, fee_bps integer",
    "marts.fund_events": "ticker varchar, event_date date, kind varchar, ratio double, native_amount double",
    "marts.etf_filings": "asset varchar, ticker varchar, quarter_end_date date, filed_date date, filed_native double,"
    " shares_outstanding double, counted_session_date date",
    "marts.market_sessions": "session_date date, week_start_date date, next_session_date date, opens_at timestamp,"
    " closes_at timestamp",
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
def compiled() -> dict[str, str]:
    """The SQL of each model."""
    return {node.name: node.sql for node in in_memory.compiled(*MODELS)}


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
