"""One source brought up to date: gather captures, read those not read yet, add their observations to the lake."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from types import ModuleType

import polars as pl

from ingestion.archive import Archive, Capture
from ingestion.errors import ArchiveDamaged, IngestionError, PageRefused
from ingestion.lake.observations import CAPTURE_SCHEMA, CAPTURES, newest_state, observation_schema, observe
from ingestion.lake.tables import Lake
from ingestion.sources import nyse

READING = "reading.json"

FIRST_SESSION = date(2024, 1, 1)
"""The first US spot crypto funds began to trade on 2024-01-11."""


@dataclass(frozen=True)
class RefreshResult:
    """What a refresh of one source came to.

    Attributes:
        mode: where captures came from: live, replay, sample, or held (nothing new was gathered).
        at: when, UTC without zone.
        captures: captures read by this refresh.
        added: observations it added to the lake.
        failures: one sentence each; a source with any has failed, and keeps the rows it had.
    """

    source: str
    mode: str
    at: datetime
    captures: int = 0
    added: int = 0
    failures: tuple[str, ...] = ()


def refresh(
    source: ModuleType,
    archive: Archive,
    lake: Lake,
    mode: str,
    is_sample: bool,
    now: datetime,
    gathered: Sequence[str] = (),
) -> RefreshResult:
    """Read the captures of `source` that the lake does not hold yet, and record how it went.

    Observations are a pure function of the set of captures: where one is not newer than those already read, all are
    read again in their order; should one of them be damaged by then, the lake stays as it is. A capture that is
    refused is tried again next time (the parser may have learned); it stands as a failure until the same url has been
    read well at a later time.

    Args:
        mode: as in `RefreshResult`; for `held`, the record keeps the mode of the last gathering.
        is_sample: whether the sample's captures are read, or all but those.
        now: UTC without zone; a capture stamped later is refused.
        gathered: failures met while gathering captures, to be reported with the others.
    """
    _ensure_tables(source, lake)
    read = added = 0
    try:
        log, damaged, read, added = _read_captures(source, archive, lake, is_sample, now)
        failures = (*gathered, *damaged, *_standing_refusals(log))
    except ArchiveDamaged as error:
        failures = (*gathered, str(error))
    if mode == "held":
        mode = next((last.mode for last in last_readings(lake) if last.source == source.SOURCE), mode)
    reading = RefreshResult(source.SOURCE, mode, now, read, added, failures)
    fields = asdict(reading) | {"at": now.isoformat()}
    lake.write_record(source.SOURCE, READING, json.dumps(fields, indent=1))
    return reading


def holds_sample(lake: Lake) -> bool | None:
    """Whether the lake was read from the sample's captures; None while it has read none at all."""
    logs = [pl.read_parquet(path) for path in lake.files() if path.parent.name == CAPTURES]
    kinds = {kind for log in logs for kind in log["is_sample"]}
    return any(kinds) if kinds else None


def read_sessions(lake: Lake, today: date) -> pl.DataFrame:
    """NYSE sessions from 2024 to the end of next year, written to the lake when it does not hold them all."""
    last = date(today.year + 1, 12, 31)
    held = lake.read(nyse.SOURCE, nyse.TABLE, nyse.SCHEMA)
    if held.is_empty() or held["session_date"].max() < last - timedelta(days=7):
        held = nyse.sessions(FIRST_SESSION, last)
        lake.write(nyse.SOURCE, nyse.TABLE, held)
    return held


def fetch_live(source: ModuleType, archive: Archive, lake: Lake, http, day: date) -> list[str]:
    """Ask the publisher for what is not held yet and file it; returns a sentence for each resource that failed."""
    log = lake.read(source.SOURCE, CAPTURES, CAPTURE_SCHEMA).filter(~pl.col("is_sample"), pl.col("refusal").is_null())
    failures = []
    for resource in source.RESOURCES:
        held = frozenset(log.filter(pl.col("resource") == resource)["url"])
        try:
            for served in source.fetch(http, resource, held, day):
                archive.put(source.SOURCE, resource, served, source.EXT)
        except IngestionError as error:
            failures.append(f"{source.SOURCE}/{resource}: {error}")
    return failures


def last_readings(lake: Lake) -> list[RefreshResult]:
    """How the last refresh of each source went, by source name."""
    return [_read_reading(path.read_text()) for path in sorted(lake.root.glob(f"*/{READING}"))]


def _ensure_tables(source: ModuleType, lake: Lake) -> None:
    """Typed tables without rows where nothing was read yet: every model builds on an empty source."""
    for table, schema in ((source.TABLE, observation_schema(source.KEY)), (CAPTURES, CAPTURE_SCHEMA)):
        if not lake.has(source.SOURCE, table):
            lake.write(source.SOURCE, table, pl.DataFrame(schema=schema))


def _read_captures(
    source: ModuleType, archive: Archive, lake: Lake, is_sample: bool, now: datetime
) -> tuple[pl.DataFrame, list[str], int, int]:
    """Returns the log of captures, a sentence per provenance record that is damaged, how many captures were read now,
    and how many observations that added.

    Raises:
        ArchiveDamaged: all must be read again, and one that was read well before is damaged now.
    """
    log_before = lake.read(source.SOURCE, CAPTURES, CAPTURE_SCHEMA)
    before = stored = lake.read(source.SOURCE, source.TABLE, observation_schema(source.KEY))
    log = log_before.filter(pl.col("is_sample") == is_sample, pl.col("refusal").is_null())
    limit = _newest_dates(source, read_sessions(lake, now.date()))

    def page(capture: Capture) -> pl.DataFrame:
        if capture.fetched_at > now:
            raise PageRefused("its stamp lies in the future: check the clock of the machine that fetched it.")
        cells = source.frame(source.parse(archive.read(capture)), capture.resource)
        _check_newest(cells, limit(capture.fetched_at))
        return cells

    new, damaged = _unread(source, archive, log, is_sample)
    is_switched = (log_before["is_sample"] != is_sample).any()
    if is_switched or any(_is_readable(page, late) for late in new if _is_late(late, log)):
        new, damaged = _read_again(source, archive, log, is_sample)
        log, stored = log.clear(), stored.clear()
    read = list(_read_in_order(source, page, stored, new))
    added = observe(stored, [(capture, cells) for capture, cells, _ in read if cells is not None], source.KEY)
    rows = pl.concat([stored, added])
    log = pl.concat([log, _log(read)]).sort("fetched_at", "sha256", "resource")
    if not rows.equals(before):
        lake.write(source.SOURCE, source.TABLE, rows)
    if not log.equals(log_before):
        lake.write(source.SOURCE, CAPTURES, log)
    return log, damaged, len(new), rows.height - before.height


def _unread(
    source: ModuleType, archive: Archive, log: pl.DataFrame, is_sample: bool
) -> tuple[list[Capture], list[str]]:
    """Captures that `log` does not name, in their order, and a sentence per provenance record that is damaged."""
    known = frozenset((resource, file.split(".")[0]) for resource, file in log.select("resource", "file").iter_rows())
    new, damaged = archive.captures(source.SOURCE, known)
    ordered = sorted((capture for capture in new if capture.is_sample == is_sample), key=lambda capture: capture.order)
    return ordered, damaged


def _read_again(
    source: ModuleType, archive: Archive, log: pl.DataFrame, is_sample: bool
) -> tuple[list[Capture], list[str]]:
    """All captures, provided that those of `log` which are still there are as they were when they were read."""
    everything, damaged = _unread(source, archive, log.clear(), is_sample)
    _, damaged_unread = _unread(source, archive, log, is_sample)
    for sentence in set(damaged) - set(damaged_unread):
        raise ArchiveDamaged(sentence)
    logged = set(log.select("resource", "file").iter_rows())
    for capture in everything:
        if (capture.resource, capture.file) in logged:
            archive.read(capture)
    return everything, damaged


def _is_late(capture: Capture, log: pl.DataFrame) -> bool:
    newest = log["fetched_at"].max()
    return newest is not None and capture.fetched_at <= newest


def _is_readable(page, capture: Capture) -> bool:
    return _attempt(page, capture)[0] is not None


def _attempt(step, *given) -> tuple[pl.DataFrame | None, str | None]:
    """What the step makes of what is given, or the reason why it refuses that."""
    try:
        return step(*given), None
    except IngestionError as error:
        return None, str(error)
    except Exception as error:  # a page no parser foresaw fails its source, never the build
        return None, f"it could not be read ({type(error).__name__}: {error}): report the page."


def _read_in_order(
    source: ModuleType, page, stored: pl.DataFrame, captures: list[Capture]
) -> Iterator[tuple[Capture, pl.DataFrame | None, str | None]]:
    """Each capture with its frame, or with the reason why it is refused."""
    compare = getattr(source, "compare", None)
    key = [*source.KEY]
    held = newest_state(stored, key).select(*key, "raw_text", "value")
    for capture in captures:
        cells, refusal = _attempt(page, capture)
        if compare and cells is not None:
            _, refusal = _attempt(compare, cells, held)
            if refusal is None:
                held = pl.concat([held, cells]).unique(key, keep="last")
        yield capture, cells if refusal is None else None, refusal


def _log(read: list[tuple[Capture, pl.DataFrame | None, str | None]]) -> pl.DataFrame:
    fields = [name for name in CAPTURE_SCHEMA if name != "refusal"]
    rows = [{name: getattr(capture, name) for name in fields} | {"refusal": refusal} for capture, _, refusal in read]
    return pl.DataFrame(rows, schema=CAPTURE_SCHEMA)


def _newest_dates(source: ModuleType, sessions: pl.DataFrame):
    """A function from the time of a capture to the latest value date that it may carry."""
    if source.NEWEST == "same_day":
        return datetime.date
    days = sessions["session_date"]

    def next_session(fetched_at: datetime) -> date:
        later = days.search_sorted(fetched_at.date(), side="right")
        return days[later] if later < len(days) else fetched_at.date()

    return next_session


def _check_newest(page: pl.DataFrame, limit: date) -> None:
    newest = page["value_date"].max()
    if newest > limit:
        raise PageRefused(f"it carries figures of {newest}, later than {limit}: its dates or its stamp are wrong.")


def _standing_refusals(log: pl.DataFrame) -> list[str]:
    """Refused captures whose url has not been read well at a later time."""
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
