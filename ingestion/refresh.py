"""Bring one source up to date: fetch pages, read the captures not read yet, add their observations to the lake."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

import polars as pl

from ingestion import captures, reading, row_reading
from ingestion.archive import Archive
from ingestion.errors import ArchiveDamaged, IngestionError, WouldShrink
from ingestion.lake.journal import JOURNAL
from ingestion.lake.observations import read_log
from ingestion.lake.tables import Lake
from ingestion.source import Fetcher, OwnInstance, PublisherSource, RowSource, Source
from ingestion.threads import in_order

Mode = Literal["live", "replay", "sample", "file", "held"]
"""How captures are gathered: from publishers, an archive folder, the sample, a user's file, or not at all."""

READING = "reading.json"
IN_FLIGHT = 8
"""Records that are read together, since a store takes 0.02 s to answer for each."""
TIMES = ("at", "asked_at", "newest_at", "repaired_at")
REPAIRS_SHOWN = timedelta(days=1)


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

    Where all captures must be read again and one of them is damaged by then, the lake stays as it is. So it does where
    a table is gone, cut short or unreadable, and the archive lacks captures by then that were read once. A capture that
    is refused is tried again next time (the parser may have learned).

    Args:
        mode: how captures were gathered; for `held`, the record keeps mode, time and failures of the last gathering.
        now: UTC without zone; a capture stamped later is refused.
        gathered: failures met while gathering captures, to be reported with the others.
    """
    last, failures, repaired = _last_reading(lake, source.name), tuple(gathered), []
    if last is None and lake.read_record(source.name, JOURNAL) is not None:
        repaired.append(
            f"{lake.name}/{source.name}/{READING} was gone or unreadable: when it was last asked is not known."
        )
    read = added = 0
    try:
        if isinstance(source, RowSource):
            found = row_reading.read(source, archive, lake, now)
        else:
            found = reading.read(source, archive, lake, now)
        failures = (*failures, *found.damaged, *_standing(source.name, found.log))
        read, added = found.read, found.added
        repaired += found.healed
    except (ArchiveDamaged, WouldShrink) as error:
        failures = (*failures, str(error))
        reading.create_tables(source, lake)
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
    log = read_log(lake, source.name).filter(pl.col("verdict") == "read")
    failures: list[str] = []
    for resource in source.resources:
        read = log.filter(pl.col("resource") == resource).sort("fetched_at", "sha256")
        archived = dict(read.select("url", "sha256").iter_rows())
        try:
            for served in source.fetch(http, resource, archived, day):
                archive.put(source.name, resource, served, source.exts.get(resource, source.ext))
        except IngestionError as error:
            failures.append(f"{source.name}/{resource}: {error}")
    return failures


def client(
    source: PublisherSource[Any], contact: str, keys: Mapping[str, str], instances: Mapping[str, str]
) -> Fetcher:
    """The client that asks for a source's pages, as large as they are, with the user's key where it needs one.

    Args:
        contact: what publishers see of the user; may be empty.
        keys: by the name of their publisher.
        instances: addresses of the user's own instances, by the name of the source.
    """
    from ingestion.transport.publisher import BOUNDS, Http  # requests takes 0.1 s of CPU to import

    bounds = replace(BOUNDS, max_bytes=source.max_bytes or BOUNDS.max_bytes)
    http = Http(contact, bounds=bounds)
    if source.api_key:
        secret = keys[source.api_key.name]
        if source.api_key.parameter:
            http = Http(contact, bounds=bounds, parameter=(source.api_key.parameter, secret))
        else:
            http = Http(contact, bounds=bounds, key=(source.api_key.header, secret))
    own = instances.get(source.name)
    return OwnInstance(http, source.instance, own) if source.instance and own else http


def last_readings(lake: Lake) -> list[RefreshResult]:
    """How the last refresh of each source and chain went, by name; none of a record that cannot be read."""
    records = [each for each in lake.all_records() if each[1] == READING or each[1].endswith(f".{READING}")]
    readings = in_order(lambda each: _last_reading(lake, *each), records, IN_FLIGHT)
    return sorted((each for each in readings if each), key=lambda each: each.source)


def write_reading(lake: Lake, result: RefreshResult) -> None:
    """Record how the refresh of a source or a chain went."""
    source, _, network = result.source.partition("/")
    name = f"{network}.{READING}" if network else READING
    lake.write_record(source, name, json.dumps(result.fields(), indent=1))


def _standing(source: str, log: pl.DataFrame) -> list[str]:
    """What is wrong with captures: a sentence for each that is refused or damaged, and one for those held back.

    A page that is refused or held stands until its url has been read well at that time or later; one that is damaged
    until it is restored or removed, and one that is left out for what others say until somebody decides.
    """
    good = log.filter(pl.col("verdict") == "read").group_by("resource", "url").agg(good_at=pl.col("fetched_at").max())
    is_past = pl.col("good_at") >= pl.col("fetched_at")
    standing = (
        log.join(good, on=["resource", "url"], how="left")
        .filter(
            pl.col("verdict").is_in(["damaged", "left"])
            | (pl.col("verdict").is_in(["refused", "held"]) & ~is_past.fill_null(value=False))
        )
        .sort("fetched_at", "sha256")
    )
    refused = standing.filter(pl.col("verdict").is_in(["refused", "damaged"]))
    sentences = [
        f"{resource}/{file}: {refusal}"
        for resource, file, refusal in refused.select("resource", "file", "refusal").iter_rows()
    ]
    held = standing.filter(pl.col("verdict").is_in(["held", "left"])).group_by("resource", maintain_order=True)
    return [*sentences, *(_held_back(source, rows) for _, rows in held)]


def _held_back(source: str, rows: pl.DataFrame) -> str:
    """One sentence for all captures of a resource that are held back, about the newest of them."""
    resource, file, reason = rows.select("resource", "file", "refusal").row(-1)
    count = "it is held back" if rows.height == 1 else f"{rows.height:,} captures are held back, of which this newest"
    name = f"{source}/{captures.name(resource, file)}"
    todo = f"run `flowhouse accept {name}` if it is right, else `flowhouse reject {name}`."
    return f"{resource}/{file}: {count}: {reason}: {todo}"


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
