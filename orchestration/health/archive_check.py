"""The weekly check of the archive: every file is there, as it was when it was stored, and told where it came from."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from ingestion import registry
from ingestion.archive import META_SUFFIX, Archive
from ingestion.errors import ArchiveDamaged
from ingestion.lake.observations import read_log_if_readable
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
    """

    at: datetime
    files: int
    bytes: int
    problems: tuple[str, ...]


def run(home: Home, at: datetime | None = None) -> ArchiveCheck:
    """Compare every file of the archive with its provenance, and store what was found; needs no lock.

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
    check = ArchiveCheck(at, files, size, tuple(problems))
    home.write_state(RECORD, asdict(check) | {"at": at.isoformat()})
    return check


def last(home: Home) -> ArchiveCheck | None:
    """What the last check found; None where there was none."""
    fields = home.read_state(RECORD)
    if fields is None:
        return None
    with suppress(KeyError, TypeError, ValueError):
        at, problems = datetime.fromisoformat(fields["at"]), tuple(map(str, fields["problems"]))
        return ArchiveCheck(at, int(fields["files"]), int(fields["bytes"]), problems)
    return None


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
