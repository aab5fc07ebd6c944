"""The published warehouse as the server sees it: opened once per build, and again when a newer one is published."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from ingestion.errors import UsageError
from orchestration.errors import PublishedDamaged
from orchestration.home import Home, now
from orchestration.mcp.catalogue import Mart, read_catalogue
from orchestration.publishing import published
from orchestration.publishing.connection import connect

MEMORY_LIMIT = "1GiB"
OLD_HOURS = 30
"""Funds report once a day, so that a build older than this may lack a session."""
SAMPLE = "the bundled sample: reconstructed pages of autumn 2025, and simulated chains as networks regtest and anvil"


@dataclass
class Opened:
    """One build, open for reading.

    Attributes:
        folder: the published folder.
        con: confined to the warehouse; each reader takes a cursor of its own.
        marts: by name, in the order in which they are listed.
        manifest: what was published.
        closing: closes it.
        readers: how many are reading.
    """

    folder: Path
    con: duckdb.DuckDBPyConnection
    marts: Mapping[str, Mart]
    manifest: Mapping[str, Any]
    closing: ExitStack
    readers: int = field(default=0)

    def about(self) -> dict[str, Any]:
        """What every answer says of the build it is from: its id, its age, and what a reader has to know of it."""
        built_at = datetime.fromisoformat(self.manifest["built_at"]).replace(tzinfo=None)
        hours = (now() - built_at).total_seconds() / 3600
        newest = {name: mart.newest for name, mart in self.marts.items() if mart.is_desk and mart.newest}
        notes = [f"This is {SAMPLE}."] if self.manifest["is_sample"] else []
        if hours > OLD_HOURS and not self.manifest["is_sample"] and not self.manifest["as_of"]:
            notes.append(f"This build is {hours / 24:.1f} days old: newer figures are missing, say so.")
        if self.manifest["as_of"]:
            notes.append(f"Only what was known at {self.manifest['as_of']} counts.")
        if failed := self.manifest["failed_sources"]:
            notes.append(f"Of these sources the newest figures may be missing, they failed: {', '.join(failed)}.")
        return {
            "build_id": self.manifest["build_id"],
            "built_at": self.manifest["built_at"],
            "age_hours": round(hours, 1),
            "newest_desk_date": str(max(newest.values())) if newest else None,
            "is_sample": self.manifest["is_sample"],
            "notes": notes,
        }


class Warehouse:
    """The newest build of a home, whichever that is at the moment of a question."""

    def __init__(self, home: Home):
        self.home = home
        self._lock = threading.Lock()
        self._current: Opened | None = None

    @contextmanager
    def reading(self) -> Iterator[tuple[Opened, duckdb.DuckDBPyConnection]]:
        """The newest build and a cursor on it; one that is no longer the newest is closed once nobody reads it.

        Raises:
            UsageError: nothing is published yet.
            PublishedDamaged: what is published cannot be read.
        """
        with self._lock:
            opened = self._newest()
            opened.readers += 1
        try:
            with opened.con.cursor() as cursor:
                cursor.execute("use marts")
                yield opened, cursor
        finally:
            with self._lock:
                opened.readers -= 1
                self._close_if_idle(opened)

    def warm_up(self) -> None:
        """Open the newest build, and import what citing takes 0.6 s to import, before the first question."""
        import polars  # noqa: F401

        with suppress(UsageError, PublishedDamaged), self.reading():
            pass

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            if self._current:
                self._current.closing.close()
                self._current = None

    def _newest(self) -> Opened:
        folder = published.warehouse(self.home).parent
        if self._current is None or self._current.folder != folder:
            before, self._current = self._current, self._open(folder)
            if before:
                self._close_if_idle(before)
        return self._current

    def _open(self, folder: Path) -> Opened:
        manifest = published.manifest(self.home) or {}
        with ExitStack() as stack:
            con = stack.enter_context(connect(self.home, memory_limit=MEMORY_LIMIT))
            return Opened(folder, con, read_catalogue(con), manifest, stack.pop_all())

    def _close_if_idle(self, opened: Opened) -> None:
        if opened is not self._current and not opened.readers:
            opened.closing.close()
