"""Which bytes a source's tables should have, so that one that is gone, cut short or changed is noticed.

    <lake>/<source>/tables.json     digest and rows of each table, before and after the write under way

Tables of one source belong together: the observations, and the log of the captures they were read from. A run that is
killed between the two leaves one of before and one of after, which is recognised; anything else is damage. Lakes of
0.1.0 have no journal: their tables count as they are, where they fit each other.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any

import polars as pl

from ingestion.lake.tables import UNREADABLE, Lake

JOURNAL = "tables.json"
ATTEMPTS = 3
"""A reader without the lock looks again where a writer was at work meanwhile."""


@dataclass(frozen=True)
class Written:
    """What a table's file had when it was written."""

    sha256: str
    rows: int


@dataclass(frozen=True)
class Check:
    """How a source's tables stand.

    Attributes:
        written: what each table had when it was last written; empty without a journal.
        damages: a clause per table that is not as it was written: "lake/farside/flows/flows.parquet is gone".
        is_interrupted: whether a killed run left the tables of different times.
    """

    written: Mapping[str, Written]
    damages: tuple[str, ...] = ()
    is_interrupted: bool = False

    @property
    def is_sound(self) -> bool:
        """Whether the tables can be added to."""
        return not self.damages and not self.is_interrupted

    @property
    def reason(self) -> str:
        """Why they cannot, as a clause."""
        return "; ".join(self.damages) or "a run was killed while it wrote"

    def rows(self, table: str) -> int:
        """How many rows a table had when it was last written; 0 where nobody knows."""
        return self.written[table].rows if table in self.written else 0


def check(lake: Lake, source: str, tables: Sequence[str]) -> Check:
    """How a source's tables stand; only looks."""
    text = lake.read_record(source, JOURNAL)
    found = _check(lake, source, tables, text)
    for _ in range(ATTEMPTS):
        text, before = lake.read_record(source, JOURNAL), text
        if found.is_sound or text == before:
            break
        found = _check(lake, source, tables, text)
    return found


def write(lake: Lake, source: str, tables: Mapping[str, pl.DataFrame], check: Check) -> None:
    """Replace tables of a source, all or those given; a run killed meanwhile is recognised.

    Args:
        check: how they stood before.
    """
    contents = {table: _encoded(rows) for table, rows in tables.items()}
    new = {table: Written(_sha256(contents[table]), rows.height) for table, rows in tables.items()}
    after = {**check.written, **new}
    if after == dict(check.written) and check.is_sound:
        return
    _write_journal(lake, source, check.written, after)
    for table, content in contents.items():
        lake.replace(source, table, content)
    _write_journal(lake, source, after, None)


def digests(lake: Lake, source: str) -> dict[str, str]:
    """SHA-256 of each table as it was last written; none without a journal, or while one is being written."""
    try:
        journal = json.loads(lake.read_record(source, JOURNAL) or "{}")
        known = {} if journal.get("next") else _written(journal.get("now") or {})
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}
    return {table: each.sha256 for table, each in known.items()}


def adopt(lake: Lake, source: str, tables: Mapping[str, pl.DataFrame]) -> Check:
    """Write the journal of tables that have none."""
    written = {table: Written(lake.digest(source, table) or "", rows.height) for table, rows in tables.items()}
    _write_journal(lake, source, written, None)
    return Check(written)


def _check(lake: Lake, source: str, tables: Sequence[str], text: str | None) -> Check:
    if text is None:
        return Check({}, tuple(_unfit(lake, source, tables)))
    try:
        journal = json.loads(text)
        now, following = _written(journal["now"]), _written(journal["next"] or journal["now"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return Check({}, (f"{lake.name}/{source}/{JOURNAL} cannot be read",))
    digests = {table: lake.digest(source, table) for table in tables}
    for state in (following, now):
        if all(table in state and state[table].sha256 == digest for table, digest in digests.items()):
            return Check(state)
    known = {table: {state[table].sha256 if table in state else None for state in (now, following)} for table in tables}
    wrong = [table for table, digest in digests.items() if digest not in known[table]]
    return Check(now, tuple(_damage(lake, source, table, now.get(table)) for table in wrong), not wrong)


def _unfit(lake: Lake, source: str, tables: Sequence[str]) -> list[str]:
    """Damages of tables without a journal: one is gone beside another, or one cannot be read."""
    there = [table for table in tables if lake.has(source, table)]
    gone = [table for table in tables if there and table not in there]
    unreadable = [table for table in there if _rows(lake, source, table) is None]
    return [_damage(lake, source, table, None) for table in (*gone, *unreadable)]


def _damage(lake: Lake, source: str, table: str, written: Written | None) -> str:
    file = f"{lake.name}/{source}/{table}/{table}.parquet"
    if not lake.has(source, table):
        return f"{file} is gone"
    if (rows := _rows(lake, source, table)) is None:
        return f"{file} cannot be read"
    if written and rows.height < written.rows:
        return f"{file} has {rows.height:,} rows where {written.rows:,} were written"
    return f"{file} is not what was written"


def _rows(lake: Lake, source: str, table: str) -> pl.DataFrame | None:
    try:
        return lake.read(source, table, {})
    except UNREADABLE:
        return None


def _encoded(rows: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    rows.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _written(fields: Mapping[str, Any]) -> dict[str, Written]:
    return {table: Written(**each) for table, each in fields.items()}


def _write_journal(
    lake: Lake, source: str, now: Mapping[str, Written], following: Mapping[str, Written] | None
) -> None:
    plain = [state and {table: asdict(each) for table, each in state.items()} for state in (now, following)]
    lake.write_record(source, JOURNAL, json.dumps({"now": plain[0] or {}, "next": plain[1]}, indent=1))
