"""Answers of the published warehouse: the rows found, or the reason why there are none."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import duckdb

from orchestration.answers.answers import Answer

Row = dict[str, Any]
SIMULATED = {"regtest", "anvil"}
"""Networks for development: their data is simulated."""


@dataclass(frozen=True)
class Result:
    """An answer with the rows that its query found, or with the reason why there are none."""

    answer: Answer
    columns: tuple[str, ...]
    rows: tuple[tuple, ...]
    reason: str = ""

    @cached_property
    def records(self) -> list[Row]:
        """The rows by column, in types that JSON knows: dates as ISO text, decimals as floats."""
        return [dict(zip(self.columns, map(_plain, row), strict=True)) for row in self.rows]

    @cached_property
    def numeric(self) -> set[int]:
        """Indices of the numeric columns, which are aligned right."""
        return {place for row in self.rows for place, value in enumerate(row) if type(value) in (int, float, Decimal)}

    @property
    def simulated(self) -> list[str]:
        """The simulated networks among its rows."""
        return sorted(SIMULATED & {record.get("network") for record in self.records})

    @property
    def holders(self) -> str:
        """The one series and definition of long-term holders that its rows are of, or nothing."""
        found = {(record.get("series"), record.get("definition")) for record in self.records}
        series, definition = found.pop() if len(found) == 1 else (None, None)
        return f"{series}, {definition}" if series and definition else ""


def ask(con: duckdb.DuckDBPyConnection, answer: Answer) -> Result:
    """Run an answer's query; a mart that is missing or has no rows is a reason, not an error."""
    present = {
        name for (name,) in con.sql("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
    }
    if absent := [mart for mart in answer.marts if mart not in present]:
        return Result(answer, (), (), f"This warehouse has no marts.{absent[0]}.")
    result = con.sql(answer.sql)
    rows = tuple(result.fetchall())
    return Result(answer, tuple(result.columns), rows, "" if rows else answer.empty)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date | datetime) else value
