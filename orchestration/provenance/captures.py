"""The pages behind figures: what the lake's logs and the archive know of a checksum."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from ingestion.archive import Capture
from ingestion.errors import UsageError
from orchestration.home import Home


class Page(NamedTuple):
    """A capture as the lake's log has it.

    Attributes:
        url: where it was served.
        file: below the home folder.
        fetched_at: UTC without zone.
        sha256: of its bytes.
        origin: served or reconstructed.
    """

    url: str
    file: str
    fetched_at: datetime
    sha256: str
    origin: str


def pages(home: Home, wanted: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], list[Page]]:
    """The pages of each pair of source and sha256, oldest first; the same bytes may have been served again.

    A published folder without its home has no log, and so no pages.
    """
    found: dict[tuple[str, str], list[Page]] = {}
    for source in sorted({source for source, _ in wanted}):
        for page in _logged(home, source, "sha256", [sha256 for each, sha256 in wanted if each == source]):
            found.setdefault((source, page.sha256), []).append(page)
    return found


def pages_by_resource(home: Home, source: str, resource: str) -> list[Page]:
    """The pages of a source that were read as one resource, such as a published series of that name; oldest first."""
    return _logged(home, source, "resource", [resource])


def _logged(home: Home, source: str, column: str, values: Collection[str]) -> list[Page]:
    import polars as pl

    from ingestion.lake.observations import read_log_if_readable

    log = read_log_if_readable(home.lake, source).filter(pl.col("verdict") == "read", pl.col(column).is_in([*values]))
    return [
        Page(url, f"archive/{source}/{resource}/{file}", fetched_at, sha256, origin)
        for url, resource, file, fetched_at, sha256, origin in log.sort("fetched_at")
        .select("url", "resource", "file", "fetched_at", "sha256", "origin")
        .iter_rows()
    ]


def capture_bytes(home: Home, source: str, sha256: str) -> tuple[Capture, bytes]:
    """The newest capture of a source with a checksum, and its bytes.

    Raises:
        UsageError: the archive has none.
        ArchiveDamaged: its bytes are gone, or are not those that were stored.
    """
    archive = home.archive
    found = [capture for capture in archive.captures(source)[0] if capture.sha256 == sha256]
    if not found:
        raise UsageError(f"{archive.root / source} has no file with the sha256 {sha256}: restore the archive there.")
    capture = max(found, key=lambda each: each.order)
    return capture, archive.read(capture)
