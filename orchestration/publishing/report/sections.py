"""What a section of the report is: a title, how to read it, its query, and for a chart how its rows are drawn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property

import duckdb

Row = dict[str, object]
SIMULATED = {"regtest", "anvil"}
"""Networks for development: what happens on them is made up."""


@dataclass(frozen=True)
class Section:
    """One query with its words.

    Attributes:
        name: its anchor in the page; for a chart also the name of its PNG.
        title: what it shows, with the unit.
        reading: how to read it, in a sentence or two.
        marts: the marts that the query reads, the first of which it is mainly about.
        query: runs on the published warehouse as it stands; its column names are the table's headings.
        empty: what is said where the query finds nothing.
        spec: a Vega-Lite specification of the rows, dates as ISO text and numbers as floats; None for a table.
    """

    name: str
    title: str
    reading: str
    marts: tuple[str, ...]
    query: str
    empty: str
    spec: Callable[[Sequence[Row]], dict] | None = None


@dataclass(frozen=True)
class Answer:
    """A section with the rows that its query found, or with the reason why there are none."""

    section: Section
    columns: tuple[str, ...]
    rows: tuple[tuple, ...]
    reason: str = ""

    @cached_property
    def records(self) -> list[Row]:
        """The rows by column, in types that JSON knows."""
        return [dict(zip(self.columns, map(_plain, row), strict=True)) for row in self.rows]

    @cached_property
    def numeric(self) -> set[int]:
        """The places of the columns that hold numbers, which are set to the right."""
        return {place for row in self.rows for place, value in enumerate(row) if type(value) in (int, float, Decimal)}

    @property
    def simulated(self) -> list[str]:
        """Networks of its rows that only simulate."""
        return sorted({record.get("network") for record in self.records} & SIMULATED)


def ask(con: duckdb.DuckDBPyConnection, section: Section) -> Answer:
    """Run a section's query; a mart that is not there or holds nothing is a reason, not an error."""
    present = {
        name for (name,) in con.sql("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
    }
    if absent := [mart for mart in section.marts if mart not in present]:
        return Answer(section, (), (), f"This warehouse has no marts.{absent[0]}.")
    result = con.sql(section.query)
    rows = tuple(result.fetchall())
    return Answer(section, tuple(result.columns), rows, "" if rows else section.empty)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date | datetime) else value
