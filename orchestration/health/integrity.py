"""What a lake has lost: tables and parts that are gone, cut short or unreadable, and sources that had rows once."""

import json
from collections.abc import Iterator
from contextlib import suppress

from ingestion import calendar, captures, registry
from ingestion.bitcoin import ledger as coins
from ingestion.evm import ledger as events
from ingestion.lake import journal, parts
from ingestion.lake.tables import UNREADABLE, Lake
from ingestion.refresh import READING, last_readings
from ingestion.source import RowSource
from ingestion.sources import holder_series
from orchestration.errors import PublishedDamaged
from orchestration.home import Home
from orchestration.publishing import published

BUILT = "built.json"
"""What the last build read: rows by raw table, below `rows`."""

BUILD = "run `flowhouse build`, which reads the archive again."
CHAINS = {coins.SOURCE: tuple(coins.TABLES), events.SOURCE: tuple(events.TABLES)}


def lost(home: Home) -> list[str]:
    """A sentence for each loss, with the file and what to do; only looks.

    A table of observations that is damaged is built again by the next refresh, so that only what the archive lacks too
    is still here after one.
    """
    return [sentence for _, sentence in losses(home)]


def losses(home: Home) -> list[tuple[str, str]]:
    """Each loss, as the source or chain (`bitcoin/main`) it belongs to and a sentence."""
    found = [*_tables(home.lake), *_chains(home.lake)]
    return [*found, *_emptied(home, {source.split("/")[0] for source, _ in found})]


def rotten(lake: Lake, name: str) -> str:
    """A sentence for a file of the lake, `source/table/file`, whose bytes have changed since it was written."""
    source, _, file = name.split("/")
    record = f"{parts.key_of(file.removesuffix('.parquet'))}.json"
    todo = parts.remedy(lake, source, record) if source in CHAINS else BUILD
    return f"{lake.name}/{name} is not what was written: {todo}"


def _tables(lake: Lake) -> Iterator[tuple[str, str]]:
    for source in registry.sources():
        if isinstance(source, RowSource):
            damages = captures.part_damages(lake, source).values()
        else:
            damages = captures.check_tables(lake, source).damages
        for damage in damages:
            yield source.name, f"{damage}: {BUILD}"
    for damage in journal.check(lake, calendar.SOURCE, (calendar.TABLE,)).damages:
        yield calendar.SOURCE, f"{damage}: {BUILD}"
    table = (holder_series.SOURCE.name, holder_series.DEFINITIONS)
    if lake.read_if_readable(*table, holder_series.DEFINITIONS_SCHEMA) is None:
        yield table[0], f"{lake.name}/{table[0]}/{table[1]}/{table[1]}.parquet cannot be read: {BUILD}"


def _chains(lake: Lake) -> Iterator[tuple[str, str]]:
    """A record of a chain that is gone or unreadable, and parts that a record names."""
    known: set[str] = set()
    for source in CHAINS:
        for name in lake.records(source):
            if name.endswith(READING) or name == journal.JOURNAL:
                continue
            chain = f"{source}/{_network(source, name)}"
            known.add(chain)
            for damage in _record_damages(lake, source, name):
                yield chain, f"{damage}: {parts.remedy(lake, source, name)}"
    for reading in last_readings(lake):
        if "/" in reading.source and reading.source not in known and (reading.captures or reading.added):
            yield reading.source, f"the lake's record of {reading.source} is gone, though it was read: read it again."


def _record_damages(lake: Lake, source: str, name: str) -> Iterator[str]:
    named = _named_parts(lake, source, name)
    if named is None:
        yield f"{lake.name}/{source}/{name} cannot be read"
    for table, part in named or []:
        file = f"{lake.name}/{source}/{table}/{part}.parquet"
        if not lake.has(source, table, part):
            yield f"{file} is gone"
        elif _height(lake, source, table, part) is None:
            yield f"{file} cannot be read"


def _named_parts(lake: Lake, source: str, record: str) -> list[tuple[str, str]] | None:
    """Table and name of the parts that a record names; None where it cannot be read."""
    found = parts.records(lake, source).get(record)
    return None if found is None else [(table, part) for table, names in found.parts.items() for part in names]


def _height(lake: Lake, source: str, table: str, part: str | None = None) -> int | None:
    """How many rows a table or a part has; None where its file cannot be read."""
    try:
        return lake.height(source, table, part)
    except UNREADABLE:
        return None


def _network(source: str, record: str) -> str:
    """The network of a record: those of UTXO chains name their asset first."""
    name = record.removesuffix(".json")
    return name.partition("-")[2] or name if source == coins.SOURCE else name


def _emptied(home: Home, named: set[str]) -> Iterator[tuple[str, str]]:
    """Raw tables that had rows in the last build and have none now, but for those of sources named already."""
    if _was_of_another_kind(home):
        return
    for name, rows in _rows_of_last_build(home).items():
        source, _, table = name.partition("/")
        if rows and source not in named and _is_watched(source, table) and not _has_rows(home.lake, source, table):
            todo = f"read it again, or build with --allow-empty if {source} is to go."
            yield source, f"{name} had {rows:,} rows in the last build and has none now: {todo}"


def _was_of_another_kind(home: Home) -> bool:
    """Whether the last build was of the bundled sample and the lake is not, or the other way round."""
    with suppress(PublishedDamaged, OSError):
        manifest = published.manifest(home)
        return manifest is not None and manifest["is_sample"] != home.is_sample
    return False


def _rows_of_last_build(home: Home) -> dict[str, int]:
    try:
        rows = json.loads((Home(home.root).build / BUILT).read_text())["rows"]
        return {str(name): int(number) for name, number in rows.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _is_watched(source: str, table: str) -> bool:
    """Whether a table is a source's or a chain's, rather than one that is computed or of the user's own seeds."""
    if source in CHAINS:
        return table in CHAINS[source]
    return source in registry.names() and table == registry.source(source).table


def _has_rows(lake: Lake, source: str, table: str) -> bool:
    """Whether a table has a row that counts; of a chain only what a record names does."""
    if source not in CHAINS:
        names = [None, *parts.counted_parts(lake, source, table)]
        return any(lake.has(source, table, part) and _height(lake, source, table, part) != 0 for part in names)
    named = [part for record in lake.records(source) for part in _named_parts(lake, source, record) or []]
    return any(_height(lake, source, *part) != 0 for part in named if part[0] == table and lake.has(source, *part))
