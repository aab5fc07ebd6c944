"""The weekly check of archive and lake: every file is there, as it was when it was stored, and told whence it came."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from ingestion import registry
from ingestion.archive import META_SUFFIX, Archive
from ingestion.errors import ArchiveDamaged
from ingestion.lake import journal, parts
from ingestion.lake.observations import read_log_if_readable
from ingestion.lake.tables import Lake
from orchestration.health import integrity
from orchestration.home import Home, now

RECORD = "archive_check.json"
BEING_WRITTEN_SECONDS = 60


@dataclass(frozen=True)
class ArchiveCheck:
    """What a check found.

    Attributes:
        at: when, UTC without zone.
        files: captures whose bytes were compared with their sha256.
        bytes: their size together.
        problems: a sentence each.
        lake_files: files of the lake that were compared likewise.
    """

    at: datetime
    files: int
    bytes: int
    problems: tuple[str, ...]
    lake_files: int = 0


def run(home: Home, at: datetime | None = None) -> ArchiveCheck:
    """Compare every file of archive and lake with its digest, and store what was found; needs no lock.

    Args:
        at: the time of the check, UTC without zone; now where it is None.
    """
    root, at = home.root / "archive", at or now()
    files, size, problems = 0, 0, list[str]()
    for source in sorted(path.name for path in root.glob("*") if path.is_dir()):
        real, damaged = Archive(root).captures(source)
        sample, _ = Archive(root, is_sample=True).captures(source)  # the records that are damaged are the same
        problems += damaged
        for capture in (*real, *sample):
            try:
                size += len(Archive(root).read(capture))
                files += 1
            except ArchiveDamaged as error:
                problems.append(str(error))
        named = {root / source / capture.resource / capture.file for capture in (*real, *sample)}
        problems += _strays(root / source, named)
    problems += _unfiled(home)
    lake_files, rotten = _lake_files(home.lake)
    check = ArchiveCheck(at, files, size, (*problems, *rotten), lake_files)
    home.write_state(RECORD, asdict(check) | {"at": at.isoformat()})
    return check


def last(home: Home) -> ArchiveCheck | None:
    """What the last check found; None where there was none."""
    fields = home.read_state(RECORD)
    if fields is None:
        return None
    with suppress(KeyError, TypeError, ValueError):
        at, problems = datetime.fromisoformat(fields["at"]), tuple(map(str, fields["problems"]))
        return ArchiveCheck(at, int(fields["files"]), int(fields["bytes"]), problems, int(fields.get("lake_files", 0)))
    return None


def _lake_files(lake: Lake) -> tuple[int, list[str]]:
    """How many files of the lake were compared, and a sentence for each that is not what was written."""
    files, rotten = 0, list[str]()
    for source in sorted({source for source, _ in lake.all_records()}):
        for name, digest in _written(lake, source).items():
            files += 1
            # A writer at work meanwhile has noted another digest, or no longer names the file.
            if lake.digest(source, *name) != digest and lake.digest(source, *name) != _written(lake, source).get(name):
                table, part = name
                rotten.append(integrity.rotten(lake, f"{source}/{table}/{part or table}.parquet"))
    return files, rotten


def _written(lake: Lake, source: str) -> dict[tuple[str, str | None], str]:
    """SHA-256 of each file as it was written, by table and part."""
    tables = {(table, None): digest for table, digest in journal.digests(lake, source).items()}
    return {**tables, **parts.digests(lake, source)}


def _strays(folder: Path, named: set[Path]) -> Iterator[str]:
    """Files that no provenance record names; the bytes of a capture are written a moment before its record."""
    for path in sorted(folder.rglob("*")):
        if path in named or not path.is_file() or path.name.endswith(META_SUFFIX) or _record(path).exists():
            continue
        if time.time() - path.stat().st_mtime > BEING_WRITTEN_SECONDS:
            where = path.relative_to(folder.parent).as_posix()
            yield f"{where} has no provenance record: restore its {META_SUFFIX[1:]} or remove it."


def _unfiled(home: Home) -> Iterator[str]:
    """Captures that were read once and that the archive no longer has."""
    for source in registry.names():
        for resource, file in read_log_if_readable(home.lake, source).select("resource", "file").iter_rows():
            if not _record(home.root / "archive" / source / resource / file).exists():
                yield f"{source}/{resource}/{file} was read once and its provenance record is gone: restore it."


def _record(path: Path) -> Path:
    return path.with_name(path.name.split(".")[0] + META_SUFFIX)
