"""`flowhouse show`."""

import io
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingestion.errors import UsageError
from ingestion.printable import printable
from orchestration.cli.options import format_option, home_option, open_home
from orchestration.cli.output import Row, print_rows, print_table, to_json
from orchestration.cli.sparkline import BLOCKS, sparkline
from orchestration.home import Home, now

if TYPE_CHECKING:
    import duckdb

    from orchestration.answers.answers import Answer

PARTS = {each: f"desk_{each}" for each in ("week", "month", "funds", "holders")}
"""The answer of each part of the desk."""

AS_OF, MISSING = "as of", "missing"
"""Columns of every part: the day it reaches, which its heading says, and what a row lacks."""

FRESH_DAYS = 5
"""A Friday's flows are the newest until Tuesday night where Monday is a holiday, and to Wednesday in other zones."""

SPARK_WIDTH = 110
"""Columns of a terminal in which a table of funds has room for their small charts."""


@dataclass(frozen=True)
class Part:
    """One part of the desk with its rows."""

    answer: "Answer"
    columns: Sequence[str]
    rows: Sequence[Row]

    def values(self, column: str) -> list[Any]:
        """A column's values, from the first row to the last."""
        place = self.columns.index(column)
        return [row[place] for row in self.rows]

    @property
    def as_of(self) -> date | None:
        """The last day with figures."""
        return next(iter(self.values(AS_OF)), None)

    @property
    def age_days(self) -> int | None:
        """Days since then, in UTC."""
        return (now().date() - self.as_of).days if self.as_of else None

    @property
    def is_old(self) -> bool:
        """Whether newer figures may be expected."""
        return self.age_days is not None and self.age_days > FRESH_DAYS

    @property
    def records(self) -> list[dict[str, object]]:
        """The rows by heading."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@click.command()
@click.argument("part", required=False, type=click.Choice([*PARTS]))
@click.option("--asset", default="BTC", show_default=True, help="BTC, ETH or another that is stored.")
@format_option
@home_option
def show(part: str | None, asset: str, form: str, root: Path | None) -> None:
    """Show the desk: who bought and who sold in the last week and month, each fund, and long-term holders.

    \b
    flowhouse show
    flowhouse show funds --asset ETH
    flowhouse show holders --format json

    What is longer than the screen goes through the pager. CSV has one part, the week unless another is named.
    """
    home = open_home(root, must_exist=True)
    names = [part] if part else ["week"] if form == "csv" else [*PARTS]
    parts, recent = _read(home, asset.upper(), names)
    if form == "csv":
        print_rows(parts[names[0]].columns, parts[names[0]].rows, form)
    elif form == "json":
        records = {name: found.records for name, found in parts.items()}
        click.echo(json.dumps(records[part] if part else records, indent=1, default=to_json))
    else:
        _page(_desk(home, asset.upper(), parts, recent))


def _read(home: Home, asset: str, names: Sequence[str]) -> tuple[dict[str, Part], dict[str, list[float | None]]]:
    """The parts by name, and the last twenty flows by fund.

    Raises:
        UsageError: nothing is published, or it is of a version without these marts, or has no such asset.
    """
    import duckdb

    from orchestration.answers.answers import answers
    from orchestration.publishing.connection import connect

    with connect(home) as con:
        try:
            _check(con, asset)
            parts = {}
            for name in names:
                answer = answers()[PARTS[name]]
                result = con.sql(answer.sql, params=[asset])
                parts[name] = Part(answer, result.columns, result.fetchall())
            recent: dict[str, list[float | None]] = {}
            for fund, _, flow in con.sql(answers()["desk_recent_flows"].sql, params=[asset]).fetchall():
                recent.setdefault(fund, []).append(flow)
            return parts, recent
        except duckdb.CatalogException:
            raise UsageError(
                "What is published has no marts of the desk yet: run `flowhouse build`, which adds them."
            ) from None


def _check(con: "duckdb.DuckDBPyConnection", asset: str) -> None:
    found = con.sql("select asset from marts.funds union select asset from marts.demand_vs_supply_daily order by asset")
    known = [name for (name,) in found.fetchall()]
    if asset not in known:
        raise UsageError(f"There is no asset {asset} here: give one of {', '.join(known)}.")


def _desk(home: Home, asset: str, parts: Mapping[str, Part], recent: Mapping[str, list[float | None]]) -> str:
    """The parts as text, each below a heading that says how far it reaches and what it lacks."""
    from orchestration.publishing import published

    built = str((published.manifest(home) or {}).get("built_at", ""))[:16].replace("T", " ")
    output = io.StringIO()
    print(f"The desk, {asset}, built {built} UTC{' from the bundled sample' if home.is_sample else ''}", file=output)
    if any(part.is_old and not home.is_sample for part in parts.values()):
        print("`flowhouse build --live` asks for newer figures than those that are old here.", file=output)
    for name, part in parts.items():
        print(f"\n{part.answer.question}", file=output)
        if not part.rows:
            print(part.answer.empty, file=output)
            continue
        print(_reach(part, home.is_sample), file=output)
        for line in _notes(name, part, recent):
            print(line, file=output)
        columns, rows = _windows_side_by_side(part) if name == "holders" else _table(part, recent)
        print_table(columns, rows, output)
    return output.getvalue()


def _reach(part: Part, is_sample: bool) -> str:
    """How far the part reaches, how long ago that was, and what it lacks."""
    age, as_of = part.age_days, part.as_of
    if age is None or as_of is None:
        return "No fund has reported yet."
    ago = "today" if age <= 0 else "1 day ago" if age == 1 else f"{age:,} days ago"
    sessions = part.values("session") if "session" in part.columns else [as_of] * len(part.rows)
    reached = [session <= as_of for session in sessions]
    lacks = Counter(
        value for value, is_reached in zip(part.values(MISSING), reached, strict=True) if value and is_reached
    )
    listed = [f"{what} ({count} rows)" if count > 1 else what for what, count in lacks.items()]
    old = " (old)" if part.is_old and not is_sample else ""
    said = "lacks " + "; ".join(listed) if listed else "complete"
    later = reached.count(False)
    still = f"; {later} later session{'s' * (later > 1)} without a report" if later else ""
    return f"To {as_of}, {ago}{old}; {said}{still}."


def _notes(name: str, part: Part, recent: Mapping[str, list[float | None]]) -> Iterator[str]:
    """What else there is to know before reading a part's table."""
    if name == "month" and _can_draw():
        yield f"Its last 20 sessions: {sparkline(recent.get('ALL', []))}"
    if name == "holders":
        yield f"By {'; '.join(dict.fromkeys(part.values('series')))}."
        if any(part.values("internal move")):
            yield "An owner is known to have moved coins between its addresses then: no sale."
        if all(value is None for value in part.values("holders spent")):
            yield "Without a node, what holders spent and apparent demand are not known."


def _table(part: Part, recent: Mapping[str, list[float | None]]) -> tuple[list[str], list[Row]]:
    """The rows without what the heading says and what none has; funds with small charts where there is room."""
    is_shown = {
        column: column != AS_OF and any(value is not None for value in part.values(column)) for column in part.columns
    }
    records = [{column: value for column, value in record.items() if is_shown[column]} for record in part.records]
    if "fund" in part.columns and _can_draw(SPARK_WIDTH):
        records = [record | {"last 20": sparkline(recent.get(str(record["fund"]), []))} for record in records]
    return list(records[0]), [tuple(record.values()) for record in records]


def _windows_side_by_side(part: Part) -> tuple[list[str], list[Row]]:
    """A row for each figure and a column for each window, which fits a narrow terminal."""
    days = [f"{number} day{'s' if number > 1 else ''}" for number in part.values("days")]
    figures = [column for column in part.columns if isinstance(next(filter(None, part.values(column)), None), Decimal)]
    return ["coins", *days], [(column, *part.values(column)) for column in figures]


def _can_draw(width: int = 0) -> bool:
    """Whether standard output is a terminal that shows block characters, and of that width."""
    from rich.console import Console

    console = Console()
    try:
        BLOCKS.encode(console.encoding)
    except (LookupError, UnicodeEncodeError):
        return False
    return sys.stdout.isatty() and not console.is_dumb_terminal and console.width >= width


def _page(text: str) -> None:
    """Print a text, through the user's pager where it is longer than the terminal."""
    from rich.console import Console

    if sys.stdout.isatty() and text.count("\n") >= Console().height:
        click.echo_via_pager(printable(text))
    else:
        click.echo(text, nl=False)
