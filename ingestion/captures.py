"""Which captures of a source are to be read: those that the lake's log does not name, or all again."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from ingestion.archive import Archive, Capture
from ingestion.errors import ArchiveDamaged
from ingestion.judgement.known import KNOWN
from ingestion.lake import journal, parts
from ingestion.lake.journal import Check
from ingestion.lake.observations import CAPTURES, FINDINGS, read_log
from ingestion.lake.tables import Lake
from ingestion.source import RowSource, Source


def name(resource: str, file: str) -> str:
    """What a person calls a capture within its source: `resource/stamp`."""
    return f"{resource}/{file.split('.')[0]}"


def tables(source: Source[Any]) -> tuple[str, ...]:
    """The tables of a source in the lake."""
    return (source.table, CAPTURES, *((KNOWN, FINDINGS) if source.rules else ()))


def check_tables(lake: Lake, source: Source[Any]) -> Check:
    """How the tables of a source stand in the lake; only looks."""
    found = journal.check(lake, source.name, tables(source))
    if found.damages and not found.written and _was_never_read(lake, source):
        return Check({})
    if found.is_sound and not found.written and not lake.read(source.name, source.table, {}).height:
        read = read_log(lake, source.name).filter(pl.col("verdict") == "read")
        if not read.is_empty():  # a lake of 0.1.0, which has no journal
            file = f"{lake.name}/{source.name}/{source.table}/{source.table}.parquet"
            return replace(found, damages=(f"{file} has no row of the {read.height:,} captures that were read",))
    return found


def _was_never_read(lake: Lake, source: Source[Any]) -> bool:
    """Whether a source has only what models read, without a row, as one that nobody ever asked."""
    if lake.has(source.name, CAPTURES) or lake.read_record(source.name, journal.JOURNAL) is not None:
        return False
    rows = lake.read_if_readable(source.name, source.table, source.schema)
    return rows is not None and rows.is_empty()


def part_damages(lake: Lake, source: RowSource[Any]) -> dict[str, str]:
    """A clause for each resource of which a part or the record is not as it was written; only looks."""
    found: dict[str, str] = {}
    for name, record in parts.records(lake, source.name).items():
        resource = name.removesuffix(".json")
        if resource not in source.resources:
            continue
        if record is None:
            found[resource] = f"{lake.name}/{source.name}/{name} cannot be read"
            continue
        for table, part in ((table, part) for table, names in record.parts.items() for part in names):
            digest = lake.digest(source.name, table, part)
            if digest is None or digest != record.digest(table, part):
                how = "is not what was written" if digest else "is gone or cannot be read"
                found[resource] = f"{lake.name}/{source.name}/{table}/{part}.parquet {how}"
    return found


def write_tables(
    lake: Lake, source: str, tables: Mapping[str, tuple[pl.DataFrame, pl.DataFrame]], check: Check
) -> None:
    """Write the tables that changed, or all where they are damaged or not there yet.

    Args:
        tables: rows before and after.
        check: how they stood before.
    """
    is_there = all(lake.has(source, table) for table in tables)
    if check.is_sound and is_there:
        check = (
            check if check.written else journal.adopt(lake, source, {table: old for table, (old, _) in tables.items()})
        )
        changed = {table: rows for table, (old, rows) in tables.items() if not rows.equals(old)}
    else:
        changed = {table: rows for table, (_, rows) in tables.items()}
    if changed:
        journal.write(lake, source, changed, check)


def unread(source: Source[Any], archive: Archive, log: pl.DataFrame) -> tuple[list[Capture], list[str]]:
    """Captures that `log` does not name, in their order, and a sentence per provenance record that is damaged."""
    known = frozenset((resource, file.split(".")[0]) for resource, file in log.select("resource", "file").iter_rows())
    new, damaged = archive.captures(source.name, known)
    return sorted(new, key=lambda capture: capture.order), damaged


def is_late(capture: Capture, log: pl.DataFrame) -> bool:
    """Whether one as new or newer has been judged."""
    return not log.filter(pl.col("fetched_at") >= capture.fetched_at).is_empty()


def read_again(source: Source[Any], archive: Archive, log: pl.DataFrame) -> tuple[list[Capture], list[str]]:
    """All captures, provided that those of `log` which are still there are as they were when they were read.

    Raises:
        ArchiveDamaged: one is not.
    """
    everything, damaged = unread(source, archive, log.clear())
    _, damaged_unread = unread(source, archive, log)
    for sentence in set(damaged) - set(damaged_unread):
        raise ArchiveDamaged(sentence)
    logged = set(log.select("resource", "file").iter_rows())
    for capture in everything:
        if (capture.resource, capture.file) in logged:
            archive.read(capture)
    return everything, damaged


def gone(lake: Lake, archive: Archive, source: str, log: pl.DataFrame) -> list[str]:
    """The captures of `log` that were read and that somebody has removed, by their names.

    Raises:
        ArchiveDamaged: there are more of them than captures left, so that the archive rather than a capture is gone.
    """
    there = archive.names(source)
    read = log.filter(pl.col("verdict") == "read").select("resource", "file").iter_rows()
    lacking = [row for row in read if (row[0], row[1].split(".")[0]) not in there]
    for resource, file in lacking:
        if (archive.root / source / resource / file).exists():
            raise ArchiveDamaged(
                f"{source}/{resource}/{file} has lost its provenance record: restore its meta.json, or remove both."
            )
    found = [name(*row) for row in lacking]
    if len(found) > len(there):
        raise ArchiveDamaged(
            f"{archive.root.name}/{source} lacks {len(found):,} captures that were read once, {found[0]} among them:"
            f" restore it from a backup, or remove the folder {lake.name}/{source} to go on with what the archive"
            " holds."
        )
    return found


def rebuild(
    lake: Lake, source: Source[Any], archive: Archive, log: pl.DataFrame, check: Check
) -> tuple[list[Capture], list[str]]:
    """All captures, to build tables from that are damaged.

    Args:
        log: the captures that were read well, as far as the lake still knows.

    Raises:
        ArchiveDamaged: the archive lacks one that was read once, or has one that is damaged now.
    """
    try:
        everything, damaged = read_again(source, archive, log)
    except ArchiveDamaged as error:
        raise ArchiveDamaged(f"{check.reason}, and cannot be built again: {error}") from None
    there = {(capture.resource, capture.file) for capture in everything}
    gone = [name for name in log.select("resource", "file").iter_rows() if name not in there]
    unknown = check.rows(CAPTURES) - len(everything)
    if gone or unknown > 0:
        lacking = f"{'/'.join(gone[0])}, which was read once" if gone else f"{unknown:,} captures that were read once"
        raise ArchiveDamaged(
            f"{check.reason}, and {archive.root.name}/{source.name} lacks {lacking}: restore it from a backup, or"
            f" remove the folder {lake.name}/{source.name} to go on with what the archive holds."
        )
    return everything, damaged
