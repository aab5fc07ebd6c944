"""What the published warehouse holds, in words: each mart with its grain, key, columns, units and newest date."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import duckdb

DESK = ("etf_market_daily", "etf_fund_daily", "etf_fund_weekly", "demand_vs_supply_daily", "etf_revisions")
"""The marts to ask first: one row per fund or asset and session, one source chosen by a rule and named in a column."""

UNITS = {
    "_usd": "US dollars",
    "_native": "coins of the row's asset",
    "_pct": "percent: 5 is 5 %",
    "_bps": "basis points: 25 is 0.25 %",
    "_days": "days",
    "_sats": "satoshi",
    "_at": "UTC",
    "_date": "a UTC day; of funds and their filings the day where they are listed",
    "_count": "how many",
    "_sessions": "sessions of the New York Stock Exchange",
}
"""What the end of a column's name says of its unit; docs/naming.md of the dbt project has the rules."""
OTHER_UNITS = {
    "native_held": "coins of the row's asset",
    "native_amount": "coins of the row's asset",
    "native_per_share": "coins of the row's asset per share",
    "shares_outstanding": "shares",
    "hours_to_complete": "hours",
    "hours_since_first": "hours",
    "coin_days_destroyed": "coins times days",
    "rate": "a fraction of the position",
    "sum_rate": "a fraction of the position",
    "lowest_rate": "a fraction of the position",
    "highest_rate": "a fraction of the position",
    "annualised_rate": "a fraction of the position per year",
    "volume_quote": "coins of the row's quote_asset",
    "score": "a part of 1",
    "day_score": "a part of 1",
    "value": "that which the row's metric names",
    "previous_value": "that which the row's metric names",
    "observed_value": "that which the row's column unit names",
    "observed_low_value": "that which the row's column unit names",
    "observed_high_value": "that which the row's column unit names",
    "target": "that which the row's column unit names",
}
STATES = ("is_complete", "is_reported", "is_final", "is_censored", "missing", "cumulative_missing", "funds_reported")
"""Columns that say whether a figure is all there."""


@dataclass(frozen=True)
class Column:
    """A column of a mart: its type, its unit where the name has one, and what it means."""

    name: str
    type: str
    unit: str | None
    meaning: str | None


@dataclass(frozen=True)
class Mart:
    """A table of the schema `marts`.

    Attributes:
        description: what a row stands for, in the first sentence, and what else to know.
        key: the columns that name one row.
        newest: the newest date of the mart, by the column `newest_by`; None where it has none.
    """

    name: str
    description: str
    rows: int
    key: tuple[str, ...]
    columns: Mapping[str, Column]
    newest_by: str | None
    newest: date | datetime | None

    @property
    def grain(self) -> str:
        """What one row stands for."""
        return re.split(r"(?<=[.:])\s", self.description, maxsplit=1)[0].rstrip(":.") + "."

    @property
    def is_desk(self) -> bool:
        return self.name in DESK

    @property
    def states(self) -> list[str]:
        """Its columns that say whether a figure is all there."""
        return [name for name in STATES if name in self.columns]


def unit_of(name: str) -> str | None:
    """The unit that a column's name says."""
    if name in OTHER_UNITS:
        return OTHER_UNITS[name]
    return next((unit for ending, unit in UNITS.items() if name.endswith(ending)), None)


def read_catalogue(con: duckdb.DuckDBPyConnection) -> dict[str, Mart]:
    """Every mart by its name, those of the desk first."""
    of_marts = "where schema_name = 'marts' and database_name = current_database()"
    tables = con.execute(f"select table_name, comment from duckdb_tables() {of_marts} order by 1").fetchall()
    columns: dict[str, dict[str, Column]] = {name: {} for name, _ in tables}
    described = con.execute(
        "select table_name, column_name, data_type, comment from duckdb_columns()"
        f" {of_marts} order by table_name, column_index"
    ).fetchall()
    for table, name, kind, comment in described:
        if table in columns:
            columns[table][name] = Column(name, kind, unit_of(name), comment)
    keys = dict(
        con.execute(
            "select table_name, constraint_column_names from duckdb_constraints()"
            f" {of_marts} and constraint_type = 'PRIMARY KEY'"
        ).fetchall()
    )
    marts = {
        name: _mart(con, name, comment or "", tuple(keys.get(name, ())), columns[name]) for name, comment in tables
    }
    return {name: marts[name] for name in [*(each for each in DESK if each in marts), *marts]}


def _mart(
    con: duckdb.DuckDBPyConnection, name: str, description: str, key: tuple[str, ...], columns: Mapping[str, Column]
) -> Mart:
    dated = [each for each in (*key, *columns) if columns[each].type == "DATE"]
    newest_by = dated[0] if dated and name not in ("market_sessions", "funds") else None
    what = f"count(*), max({newest_by})" if newest_by else "count(*), null"
    rows, newest = con.execute(f'select {what} from marts."{name}"').fetchall()[0]
    return Mart(name, " ".join(description.split()), rows, key, columns, newest_by, newest)
