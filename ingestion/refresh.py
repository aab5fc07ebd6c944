"""Bring one source up to date: fetch pages, read the captures not read yet, add their observations to the lake."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal, ParamSpec

import polars as pl

from ingestion import captures
from ingestion.archive import Archive, Capture
from ingestion.calendar import read_sessions
from ingestion.errors import ArchiveDamaged, IngestionError, PageRefused
from ingestion.lake.journal import JOURNAL
from ingestion.lake.observations import (
    CAPTURE_SCHEMA,
    CAPTURES,
    newest_state,
    observation_schema,
    observe,
    read_log,
    read_log_if_readable,
)
from ingestion.lake.tables import Lake
from ingestion.source import Fetcher, PublisherSource, Source, newest_day

Mode = Literal["live", "replay", "sample", "file", "held"]
"""How captures are gathered: from publishers, an archive folder, the sample, a user's file, or not at all."""

READING = "reading.json"
TIMES = ("at", "asked_at", "newest_at", "repaired_at")
REPAIRS_SHOWN = timedelta(days=1)

Page = Callable[[Capture], pl.DataFrame]
Arguments = ParamSpec("Arguments")


@dataclass(frozen=True)
class Refusal:
    """Why a capture is not read."""

    reason: str


@dataclass(frozen=True)
class RefreshResult:
    """What a refresh of one source or chain came to.

    Attributes:
        source: its name; `bitcoin/main` or `evm/ethereum` for a chain.
        mode: how captures were gathered.
        at: when, UTC without zone.
        captures: captures read by this refresh; for a chain, blocks.
        added: observations it added to the lake; for a chain, coins or events.
        failures: one sentence each; a source with any has failed, and keeps the rows it had.
        asked_at: when captures were last gathered, by this refresh or an earlier one; None for never.
        ask_failures: what failed then.
        newest_at: time of a chain's newest block, UTC without zone, where the reader knows it.
        repaired: a sentence for each table that was damaged and built again from the archive within the last day.
        repaired_at: when the last of them was.
    """

    source: str
    mode: Mode
    at: datetime
    captures: int = 0
    added: int = 0
    failures: tuple[str, ...] = ()
    asked_at: datetime | None = None
    ask_failures: tuple[str, ...] = ()
    newest_at: datetime | None = None
    repaired: tuple[str, ...] = ()
    repaired_at: datetime | None = None

    @property
    def standing_failures(self) -> tuple[str, ...]:
        """What is wrong now: reading stored captures again does not make up for an ask that failed."""
        return tuple(dict.fromkeys((*self.ask_failures, *self.failures)))

    @property
    def was_asked(self) -> bool:
        """Whether this refresh itself gathered captures: `mode` may be that of an earlier one."""
        return self.asked_at == self.at

    def fields(self) -> dict[str, Any]:
        """What it says, as JSON has it: times in ISO 8601, UTC without zone."""
        fields = asdict(self)
        return fields | {name: value.isoformat() for name in TIMES if (value := fields[name])}


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
    read again in their order; should one of them be damaged by then, the lake stays as it is. So they are where a table
    is gone, cut short or unreadable; should the archive lack captures by then that were read once, the rest stays. A
    capture that is refused is tried again next time (the parser may have learned); it stands as a failure until the
    same url has been read well at that time or later.

    Args:
        mode: how captures were gathered; for `held`, the record keeps mode, time and failures of the last gathering.
        now: UTC without zone; a capture stamped later is refused.
        gathered: failures met while gathering captures, to be reported with the others.
    """
    last, failures, repaired = _last_reading(lake, source.name), tuple(gathered), []
    if last is None and lake.read_record(source.name, JOURNAL) is not None:
        repaired.append(f"lake/{source.name}/{READING} was gone or unreadable: when it was last asked is not known.")
    read = added = 0
    try:
        log, damaged, read, added, healed = _read_captures(source, archive, lake, now)
        failures = (*failures, *damaged, *_standing_refusals(log))
        repaired += healed
    except ArchiveDamaged as error:
        failures = (*failures, str(error))
    result = RefreshResult(
        source.name, mode, now, read, added, failures, now, tuple(gathered), None, tuple(repaired), now
    )
    result = _after(last, result)
    write_reading(lake, result)
    return result


def _after(last: RefreshResult | None, result: RefreshResult) -> RefreshResult:
    """A result with what it takes over from the one before."""
    if result.mode == "held":
        asked = (last.mode, last.asked_at, last.ask_failures) if last else ("held", None, ())
        result = replace(result, mode=asked[0], asked_at=asked[1], ask_failures=asked[2])
    if result.repaired:
        return result
    is_recent = last is not None and last.repaired_at is not None and result.at - last.repaired_at < REPAIRS_SHOWN
    repaired, repaired_at = (last.repaired, last.repaired_at) if last and is_recent else ((), None)
    return replace(result, repaired=repaired, repaired_at=repaired_at)


def fetch_live(source: PublisherSource[Any], archive: Archive, lake: Lake, http: Fetcher, day: date) -> list[str]:
    """Fetch what was not read well yet and file it; returns a sentence for each resource that failed."""
    log = read_log(lake, source.name).filter(pl.col("refusal").is_null())
    failures: list[str] = []
    for resource in source.resources:
        read = log.filter(pl.col("resource") == resource).sort("fetched_at", "sha256")
        archived = dict(read.select("url", "sha256").iter_rows())
        try:
            for served in source.fetch(http, resource, archived, day):
                archive.put(source.name, resource, served, source.ext)
        except IngestionError as error:
            failures.append(f"{source.name}/{resource}: {error}")
    return failures


def last_readings(lake: Lake) -> list[RefreshResult]:
    """How the last refresh of each source and chain went, by name; none of a record that cannot be read."""
    paths = [*lake.root.glob(f"*/{READING}"), *lake.root.glob(f"*/*.{READING}")]
    readings = [_last_reading(lake, path.parent.name, path.name) for path in paths]
    return sorted((each for each in readings if each), key=lambda each: each.source)


def write_reading(lake: Lake, result: RefreshResult) -> None:
    """Record how the refresh of a source or a chain went."""
    source, _, network = result.source.partition("/")
    name = f"{network}.{READING}" if network else READING
    lake.write_record(source, name, json.dumps(result.fields(), indent=1))


def _read_captures(
    source: Source[Any], archive: Archive, lake: Lake, now: datetime
) -> tuple[pl.DataFrame, list[str], int, int, list[str]]:
    """Returns the log of captures, a sentence per provenance record that is damaged, how many captures were read now,
    how many observations that added, and a sentence per table that was built again.

    Raises:
        ArchiveDamaged: all must be read again, and one that was read well before is damaged now or gone.
    """
    check = captures.check_tables(lake, source)
    log_before = read_log_if_readable(lake, source.name)
    before = pl.DataFrame(schema=observation_schema(source.key))
    limit = _newest_dates(source, read_sessions(lake, now.date()))

    def page(capture: Capture) -> pl.DataFrame:
        if capture.fetched_at > now:
            raise PageRefused("its stamp lies in the future: check the clock of the machine that fetched it.")
        cells = source.read(archive.read(capture), capture.resource)
        _check_newest(cells, limit(capture.fetched_at))
        return cells

    log = log_before.filter(pl.col("refusal").is_null())
    if check.is_sound:
        before = stored = lake.read(source.name, source.table, observation_schema(source.key))
        new, damaged = captures.unread(source, archive, log)
        if any(_is_readable(page, late) for late in new if captures.is_late(late, log)):
            new, damaged = captures.read_again(source, archive, log)
            log, stored = log.clear(), stored.clear()
    else:
        new, damaged = captures.rebuild(source, archive, log, check)
        log, stored = log.clear(), before
    read = list(_read_in_order(source, page, stored, new))
    pages = [(capture, outcome) for capture, outcome in read if not isinstance(outcome, Refusal)]
    rows = pl.concat([stored, observe(stored, pages, source.key)])
    log = pl.concat([log, _log(read)]).sort("fetched_at", "sha256", "resource")
    tables = {source.table: (before, rows), CAPTURES: (log_before, log)}
    captures.write_tables(lake, source.name, tables, check)
    rows_before = before.height if check.is_sound else check.rows(source.table)
    healed = [f"{damage}: built again from {len(new):,} captures of the archive." for damage in check.damages]
    return log, damaged, len(new), rows.height - rows_before, healed


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

    if not captures:
        return
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


def _last_reading(lake: Lake, source: str, record: str = READING) -> RefreshResult | None:
    """None where there is no record, or none that can be read."""
    try:
        fields: dict[str, Any] = json.loads(lake.read_record(source, record) or "")
        known = {name: value for name, value in fields.items() if name in RefreshResult.__dataclass_fields__}
        known |= {name: datetime.fromisoformat(fields[name]) for name in TIMES if fields.get(name)}
        known |= {name: tuple(fields.get(name, ())) for name in ("failures", "ask_failures", "repaired")}
        return RefreshResult(**known)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
