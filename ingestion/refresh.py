"""Bring one source up to date: fetch pages, read the captures not read yet, add their observations to the lake."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Literal, ParamSpec

import polars as pl

from ingestion.archive import Archive, Capture
from ingestion.calendar import read_sessions
from ingestion.errors import ArchiveDamaged, IngestionError, PageRefused
from ingestion.lake.observations import CAPTURE_SCHEMA, CAPTURES, newest_state, observation_schema, observe, read_log
from ingestion.lake.tables import Lake
from ingestion.source import Fetcher, PublisherSource, Source, newest_day

Mode = Literal["live", "replay", "sample", "file", "held"]
"""How captures are gathered: from publishers, an archive folder, the sample, a user's file, or not at all."""

READING = "reading.json"

Page = Callable[[Capture], pl.DataFrame]
Arguments = ParamSpec("Arguments")


@dataclass(frozen=True)
class Refusal:
    """Why a capture is not read."""

    reason: str


@dataclass(frozen=True)
class RefreshResult:
    """What a refresh of one source came to.

    Attributes:
        mode: how captures were gathered.
        at: when, UTC without zone.
        captures: captures read by this refresh.
        added: observations it added to the lake.
        failures: one sentence each; a source with any has failed, and keeps the rows it had.
    """

    source: str
    mode: Mode
    at: datetime
    captures: int = 0
    added: int = 0
    failures: tuple[str, ...] = ()


def refresh(
    source: Source[Any],
    archive: Archive,
    lake: Lake,
    mode: Mode,
    now: datetime,
    gathered: Sequence[str] = (),
) -> RefreshResult:
    """Read the captures of `source` that the lake does not hold yet, and record how it went.

    Observations are a pure function of the set of captures: where one is not newer than those already read, all are
    read again in their order; should one of them be damaged by then, the lake stays as it is. A capture that is
    refused is tried again next time (the parser may have learned); it stands as a failure until the same url has been
    read well at that time or later.

    Args:
        mode: how captures were gathered; for `held`, the record keeps the mode of the last gathering.
        now: UTC without zone; a capture stamped later is refused.
        gathered: failures met while gathering captures, to be reported with the others.
    """
    _ensure_tables(source, lake)
    read = added = 0
    try:
        log, damaged, read, added = _read_captures(source, archive, lake, now)
        failures = (*gathered, *damaged, *_standing_refusals(log))
    except ArchiveDamaged as error:
        failures = (*gathered, str(error))
    if mode == "held":
        for last in last_readings(lake):
            mode = last.mode if last.source == source.name else mode
    reading = RefreshResult(source.name, mode, now, read, added, failures)
    fields = asdict(reading) | {"at": now.isoformat()}
    lake.write_record(source.name, READING, json.dumps(fields, indent=1))
    return reading


def fetch_live(source: PublisherSource[Any], archive: Archive, lake: Lake, http: Fetcher, day: date) -> list[str]:
    """Fetch what was not read well yet and file it; returns a sentence for each resource that failed."""
    log = read_log(lake, source.name).filter(pl.col("refusal").is_null())
    failures: list[str] = []
    for resource in source.resources:
        archived = frozenset(log.filter(pl.col("resource") == resource)["url"])
        try:
            for served in source.fetch(http, resource, archived, day):
                archive.put(source.name, resource, served, source.ext)
        except IngestionError as error:
            failures.append(f"{source.name}/{resource}: {error}")
    return failures


def last_readings(lake: Lake) -> list[RefreshResult]:
    """How the last refresh of each source went, by source name."""
    return [_read_reading(path.read_text()) for path in sorted(lake.root.glob(f"*/{READING}"))]


def _ensure_tables(source: Source[Any], lake: Lake) -> None:
    """Typed tables without rows where nothing was read yet: every model builds on an empty source."""
    for table, schema in ((source.table, observation_schema(source.key)), (CAPTURES, CAPTURE_SCHEMA)):
        if not lake.has(source.name, table):
            lake.write(source.name, table, pl.DataFrame(schema=schema))


def _read_captures(
    source: Source[Any], archive: Archive, lake: Lake, now: datetime
) -> tuple[pl.DataFrame, list[str], int, int]:
    """Returns the log of captures, a sentence per provenance record that is damaged, how many captures were read now,
    and how many observations that added.

    Raises:
        ArchiveDamaged: all must be read again, and one that was read well before is damaged now.
    """
    log_before = read_log(lake, source.name)
    before = stored = lake.read(source.name, source.table, observation_schema(source.key))
    log = log_before.filter(pl.col("refusal").is_null())
    limit = _newest_dates(source, read_sessions(lake, now.date()))

    def page(capture: Capture) -> pl.DataFrame:
        if capture.fetched_at > now:
            raise PageRefused("its stamp lies in the future: check the clock of the machine that fetched it.")
        cells = source.read(archive.read(capture), capture.resource)
        _check_newest(cells, limit(capture.fetched_at))
        return cells

    new, damaged = _unread(source, archive, log)
    if any(_is_readable(page, late) for late in new if _is_late(late, log)):
        new, damaged = _read_again(source, archive, log)
        log, stored = log.clear(), stored.clear()
    read = list(_read_in_order(source, page, stored, new))
    pages = [(capture, outcome) for capture, outcome in read if not isinstance(outcome, Refusal)]
    added = observe(stored, pages, source.key)
    rows = pl.concat([stored, added])
    log = pl.concat([log, _log(read)]).sort("fetched_at", "sha256", "resource")
    if not rows.equals(before):
        lake.write(source.name, source.table, rows)
    if not log.equals(log_before):
        lake.write(source.name, CAPTURES, log)
    return log, damaged, len(new), rows.height - before.height


def _unread(source: Source[Any], archive: Archive, log: pl.DataFrame) -> tuple[list[Capture], list[str]]:
    """Captures that `log` does not name, in their order, and a sentence per provenance record that is damaged."""
    known = frozenset((resource, file.split(".")[0]) for resource, file in log.select("resource", "file").iter_rows())
    new, damaged = archive.captures(source.name, known)
    return sorted(new, key=lambda capture: capture.order), damaged


def _read_again(source: Source[Any], archive: Archive, log: pl.DataFrame) -> tuple[list[Capture], list[str]]:
    """All captures, provided that those of `log` which are still there are as they were when they were read."""
    everything, damaged = _unread(source, archive, log.clear())
    _, damaged_unread = _unread(source, archive, log)
    for sentence in set(damaged) - set(damaged_unread):
        raise ArchiveDamaged(sentence)
    logged = set(log.select("resource", "file").iter_rows())
    for capture in everything:
        if (capture.resource, capture.file) in logged:
            archive.read(capture)
    return everything, damaged


def _is_late(capture: Capture, log: pl.DataFrame) -> bool:
    return not log.filter(pl.col("fetched_at") >= capture.fetched_at).is_empty()


def _is_readable(page: Page, capture: Capture) -> bool:
    return not isinstance(_attempt(page, capture), Refusal)


def _attempt(
    read: Callable[Arguments, pl.DataFrame], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> pl.DataFrame | Refusal:
    try:
        return read(*args, **kwargs)
    except IngestionError as error:
        return Refusal(str(error))
    except Exception as error:  # a page no parser foresaw fails its source, never the build
        return Refusal(f"it could not be read ({type(error).__name__}: {error}): report the page.")


def _read_in_order(
    source: Source[Any], page: Page, stored: pl.DataFrame, captures: list[Capture]
) -> Iterator[tuple[Capture, pl.DataFrame | Refusal]]:
    """Each capture with its cells, or with the reason why it is refused."""

    def compared(capture: Capture, known: pl.DataFrame) -> pl.DataFrame:
        cells = page(capture)
        if source.compare:
            source.compare(cells, known)
        return cells

    key = [*source.key]
    known = newest_state(stored, key).select(*key, "raw_text", "value")
    for capture in captures:
        outcome = _attempt(compared, capture, known)
        if source.compare and not isinstance(outcome, Refusal):
            known = pl.concat([known, outcome]).unique(key, keep="last")
        yield capture, outcome


def _log(read: list[tuple[Capture, pl.DataFrame | Refusal]]) -> pl.DataFrame:
    fields = [name for name in CAPTURE_SCHEMA if name != "refusal"]
    rows = [
        {name: getattr(capture, name) for name in fields}
        | {"refusal": outcome.reason if isinstance(outcome, Refusal) else None}
        for capture, outcome in read
    ]
    return pl.DataFrame(rows, schema=CAPTURE_SCHEMA)


def _newest_dates(source: Source[Any], sessions: pl.DataFrame) -> Callable[[datetime], date]:
    """A function from the time of a capture to the latest value date that it may carry."""
    if source.newest == "same_day":
        return datetime.date
    days = sessions["session_date"]

    def next_session(fetched_at: datetime) -> date:
        later = days.search_sorted(fetched_at.date(), side="right")
        return days[later] if later < len(days) else fetched_at.date()

    return next_session


def _check_newest(page: pl.DataFrame, limit: date) -> None:
    newest = newest_day(page)
    if newest > limit:
        raise PageRefused(f"it carries figures of {newest}, later than {limit}: its dates or its stamp are wrong.")


def _standing_refusals(log: pl.DataFrame) -> list[str]:
    """Refused captures whose url has not been read well at their time or later."""
    good = log.filter(pl.col("refusal").is_null()).group_by("resource", "url").agg(good_at=pl.col("fetched_at").max())
    standing = log.join(good, on=["resource", "url"], how="left").filter(
        pl.col("refusal").is_not_null(), pl.col("good_at").is_null() | (pl.col("good_at") < pl.col("fetched_at"))
    )
    return [
        f"{resource}/{file}: {refusal}"
        for resource, file, refusal in standing.sort("fetched_at").select("resource", "file", "refusal").iter_rows()
    ]


def _read_reading(text: str) -> RefreshResult:
    fields = json.loads(text)
    return RefreshResult(**fields | {"at": datetime.fromisoformat(fields["at"]), "failures": tuple(fields["failures"])})
