"""Reading captures of row sources into the lake: a ledger per resource, which is committed whole or not at all.

    <lake>/<source>/<table>/<resource>-<YYYY-MM>.<generation>.parquet     rows, by month of their value date
    <lake>/<source>/captures/<resource>.<generation>.parquet              what became of its captures
    <lake>/<source>/<resource>.json                                       the record that makes these count

As with cells, rows are a pure function of captures and decisions. A resource is read anew from the archive where a
capture is not newer than those already read, where one was removed, where somebody has decided, or where a part of it
is damaged; other resources stay as they are.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import polars as pl

from ingestion import captures, decisions
from ingestion.archive import Archive, Capture
from ingestion.errors import ArchiveDamaged, LakeDamaged, WouldShrink
from ingestion.lake import parts
from ingestion.lake.observations import CAPTURE_SCHEMA, CAPTURES, observe_rows
from ingestion.lake.parts import Ledger, Record
from ingestion.lake.tables import UNREADABLE, Lake
from ingestion.reading import JUDGED, RETRIED, Court, Outcome, Reading, judged_by, left_out, log_of
from ingestion.source import RowSource

GATHERED_ROWS = 1_000_000
"""Rows of a resource that are held in memory before they are written: 0.2 GB."""


def read(source: RowSource[Any], archive: Archive, lake: Lake, now: datetime) -> Reading:
    """Read what the lake does not hold yet, and resources anew whose rows may be others now.

    A resource that cannot be read anew stays as it is, and is a sentence of `Reading.damaged`.

    Raises:
        ArchiveDamaged: the archive rather than a capture is gone, or a record of decisions is damaged.
    """
    lake.create(source.name, {source.table: source.schema})
    court = Court(source, archive, lake, now, decisions.read(archive, source.name))
    is_decided = court.judged_by != judged_by(lake, source.name)
    damages = captures.part_damages(lake, source)
    logs = {resource: _log(lake, source, resource) for resource in source.resources}
    gone = captures.gone(lake, archive, source.name, _together(logs.values()))
    there, sentences = _captures(source, archive)
    read, added, healed = 0, 0, left_out(archive, source.name, gone)
    for resource in sorted({*there, *logs}):
        found = there[resource]
        if resource not in logs:
            logs[resource] = log_of([court.by_itself(capture) for capture in found])  # each is refused
            continue
        is_gone = any(name.startswith(f"{resource}/") for name in gone)
        if not (found or is_gone or resource in damages):
            continue
        rows = _Rows(source, court, lake, resource, logs[resource])
        try:
            if is_decided or is_gone or resource in damages:
                rows.read_anew(found, archive, may_shrink=is_decided or is_gone)
            else:
                rows.read_further(found, archive)
        except (ArchiveDamaged, LakeDamaged, WouldShrink) as error:
            sentences.append(str(error))
            continue
        logs[resource], read, added = rows.log, read + rows.read, added + rows.added
        if resource in damages:
            healed.append(f"{damages[resource]}: built again from {len(found):,} captures of the archive.")
    if is_decided and not sentences:
        judged = {"judged_by": court.judged_by, "decisions": court.decisions}
        lake.write_record(source.name, JUDGED, json.dumps(judged))
    return Reading(_together(logs.values()).sort("fetched_at", "sha256", "resource"), sentences, read, added, healed)


class _Rows:
    """The rows of one resource, and its log.

    Attributes:
        log: its captures and what became of them.
        read: captures that were looked at.
        added: rows more than before.
    """

    def __init__(self, source: RowSource[Any], court: Court, lake: Lake, resource: str, log: pl.DataFrame):
        self._source, self._court, self._lake = source, court, lake
        self._where = f"{source.name}/{resource}"
        record = Record()
        with suppress(LakeDamaged):  # then there is nothing to go on with
            record = parts.read_record(lake, source.name, resource, Record) or record
        schemas = {source.table: source.schema, CAPTURES: CAPTURE_SCHEMA}
        self._ledger = Ledger(lake, source.name, resource, schemas, record)
        self._months: dict[str, pl.DataFrame] = {}
        self._outcomes: list[Outcome] = []
        self._stored = self.log = log
        self.read = self.added = 0

    def read_further(self, there: Sequence[Capture], archive: Archive) -> None:
        """Read captures that the log does not name or that are tried again; all, where one comes late.

        Raises:
            ArchiveDamaged, WouldShrink: as `read_anew`.
            LakeDamaged: a part is not what was written.
        """
        self.log = self._stored.filter(~pl.col("verdict").is_in(RETRIED))
        known = set(self.log["file"])
        newest = max(self.log.filter(pl.col("verdict") == "read")["fetched_at"], default=datetime(1, 1, 1))
        for capture in there:
            if capture.file not in known and self._add(capture) == "read" and capture.fetched_at <= newest:
                self._months, self._outcomes, self.read, self.added = {}, [], 0, 0
                return self.read_anew(there, archive, may_shrink=False)
        self._take_log()
        if self.added or not self.log.equals(self._stored):
            self._commit()

    def read_anew(self, there: Sequence[Capture], archive: Archive, may_shrink: bool) -> None:
        """Read all captures, in place of what the lake has of the resource.

        Args:
            may_shrink: whether a capture that was read well may be refused now.

        Raises:
            ArchiveDamaged: one that was read well before is damaged now.
            WouldShrink: one that was read well before is refused now.
        """
        was_read = set(self._stored.filter(pl.col("verdict") == "read")["file"])
        self.log = self._stored.clear()
        self.added -= self._height()
        self._ledger.record.parts.clear()
        for capture in there:
            if self._add(capture) == "read" or capture.file not in was_read or may_shrink:
                continue
            archive.read(capture)  # says what is damaged
            raise WouldShrink(
                f"{self._where}/{capture.file} was read before and is refused now ({self._outcomes[-1].reason}):"
                f" the lake stayed as it was; report this, or reject the capture to go on without it."
            )
        self._take_log()
        self._commit()

    def _add(self, capture: Capture) -> str:
        """Take what a capture says to what is gathered; returns what became of it."""
        outcome = self._court.by_itself(capture)
        self._outcomes.append(Outcome(capture, outcome.verdict, outcome.reason))
        self.read += 1
        if outcome.cells is not None:
            for (month,), rows in outcome.cells.group_by(pl.col("value_date").dt.strftime("%Y-%m")):
                month = str(month)
                stored = self._months[month] if month in self._months else self._of_month(month)
                new = observe_rows(stored, rows, capture, self._source.key, self._source.values)
                self._months[month] = pl.concat([stored, new])
                self.added += new.height
        if sum(rows.height for rows in self._months.values()) > GATHERED_ROWS:
            self._write()
        return outcome.verdict

    def _of_month(self, month: str) -> pl.DataFrame:
        return self._ledger.read(self._source.table, f"-{month}")

    def _write(self) -> None:
        """Write what is gathered; it counts once it is committed."""
        for month, rows in self._months.items():
            self._ledger.replace(self._source.table, f"-{month}", rows.sort(*self._source.key, "observed_at"))
        self._months = {}

    def _take_log(self) -> None:
        self.log = pl.concat([self.log, log_of(self._outcomes)]).sort("fetched_at", "sha256")

    def _commit(self) -> None:
        self._write()
        self._ledger.replace(CAPTURES, "", self.log)
        self._ledger.commit()

    def _height(self) -> int:
        """Rows of the resource in parts that can be read."""
        height = 0
        for part in self._ledger.names(self._source.table):
            with suppress(*UNREADABLE):
                height += self._lake.height(self._source.name, self._source.table, part)
        return height


def _log(lake: Lake, source: RowSource[Any], resource: str) -> pl.DataFrame:
    """The log of one resource; empty where it cannot be read."""
    log = pl.DataFrame(schema=CAPTURE_SCHEMA)
    with suppress(LakeDamaged, *UNREADABLE):
        if record := parts.read_record(lake, source.name, resource, Record):
            log = parts.read(lake, source.name, record, CAPTURES, CAPTURE_SCHEMA)
    return log


def _captures(source: RowSource[Any], archive: Archive) -> tuple[defaultdict[str, list[Capture]], list[str]]:
    """The captures of each resource in their order, and a sentence per provenance record that is damaged."""
    found, damaged = archive.captures(source.name)
    there: defaultdict[str, list[Capture]] = defaultdict(list)
    for capture in sorted(found, key=lambda capture: capture.order):
        there[capture.resource].append(capture)
    return there, damaged


def _together(logs: Iterable[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat([pl.DataFrame(schema=CAPTURE_SCHEMA), *logs])
