"""The folders of one warehouse, and what is written into them."""

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import BaseFileLock, FileLock, Timeout

from ingestion import durable
from ingestion.archive import Archive
from ingestion.errors import UsageError
from orchestration.errors import HomeBusy

if TYPE_CHECKING:
    from ingestion.lake.files import Files
    from ingestion.lake.tables import Lake

DBT_PROJECT = Path(__file__).parent.parent / "dbt_project"
LOG = logging.getLogger("flowhouse")
CHAIN_LOCK = ".chain.lock"
"""Ends the name of a chain's lock."""


@dataclass(frozen=True)
class Home:
    """The folders of one warehouse, for the current build or for one as of an earlier time.

    Attributes:
        root: the home folder.
        as_of: UTC without zone, or None for the current build.
        lock_wait_seconds: how long to wait for another process that holds one of the home's locks.
        lake_url: address of the lake where it is on a store, which other machines may write to; else it is a folder.
    """

    root: Path
    as_of: datetime | None = None
    lock_wait_seconds: float = 600
    lake_url: str | None = None

    def __post_init__(self) -> None:
        # dbt takes a relative path for one below its project.
        object.__setattr__(self, "root", self.root.absolute())

    @property
    def archive(self) -> Archive:
        """The captures of the kind that the lake holds, the sample's or real ones; under the lock."""
        return Archive(self.root / "archive", self.lake.is_sample)

    @property
    def lake(self) -> "Lake":
        # Polars takes 0.2 s of CPU to import, which help and completion save.
        from ingestion.lake.tables import Lake

        return Lake(self.root / "lake" if self.lake_url is None else self._store(self.lake_url))

    def _store(self, url: str) -> "Files":
        from ingestion.lake.object_files import opened

        return opened(url, self.root / "build" / "lake")

    @property
    def is_sample(self) -> bool:
        """Whether the home holds the bundled sample; right without the lock too, before a former lake is upgraded."""
        from ingestion.lake.upgrade import was_sample

        return self.lake.is_sample or was_sample(self.lake)

    @property
    def name(self) -> str:
        """`current`, or the time as of which the build is."""
        return self.as_of.strftime("%Y%m%dT%H%M%SZ") if self.as_of else "current"

    @property
    def build(self) -> Path:
        """Folder of this build's working files; the build file of another time is another file."""
        return self.root / "build" / self.name

    @property
    def build_file(self) -> Path:
        return self.build / "build.duckdb"

    @property
    def spark_warehouse(self) -> Path:
        """Folder of the tables that Spark keeps from build to build."""
        return self.build / "spark"

    @property
    def dbt_target(self) -> Path:
        """Where dbt keeps its manifest and its partial parse, which another build file would make void.

        A parse holds the project's place, so each checkout of the project that builds this home has one of its own.
        """
        return self.build / f"dbt-{hashlib.md5(str(DBT_PROJECT).encode(), usedforsecurity=False).hexdigest()[:8]}"

    @property
    def docs_page(self) -> Path:
        """Where dbt writes its one-file page of models and columns."""
        return self.dbt_target / "static_index.html"

    def block_headers(self, source: str, network: str) -> Path:
        """Folder of what is kept of a node's block files from one run to the next."""
        return self.root / "build" / "headers" / f"{source}-{network}"

    def ranges(self, source: str, network: str) -> Path:
        """Folder of a chain's history that is read in ranges of blocks, until the chain's ledger takes them."""
        return self.root / "ranges" / f"{source}-{network}"

    def write_control(self, folder: Path) -> None:
        """Write the build's control table into a folder: one row that says until when observations count."""
        import polars as pl

        from ingestion.lake.tables import Lake

        row = {"as_of_at": [self.as_of], "as_of_cutoff": [self.as_of or datetime(9999, 12, 31)]}
        schema = {"as_of_at": pl.Datetime("us"), "as_of_cutoff": pl.Datetime("us")}
        Lake(folder).write("flowhouse", "control", pl.DataFrame(row, schema=schema))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Open the home's lake for writing, for seconds: hold its lock, and upgrade a former lake.

        The same process may take each of a home's locks again.

        Raises:
            HomeBusy: another process wrote to the home all the time.
        """
        from ingestion.lake.upgrade import upgrade

        holder = "Another flowhouse is writing to this home"
        with self._lock("lock", holder), self._lake_lock("lock", holder):
            self.lake.remove_dropped()
            upgrade(self.lake)
            yield

    def build_lock(self) -> AbstractContextManager[None]:
        """Hold what one build at a time may write: its working files, and what is published.

        Raises:
            HomeBusy: another process built all the time.
        """
        return self._lock(f"{self.name}.lock", "Another flowhouse is building this home")

    @property
    def is_being_built(self) -> bool:
        """Whether another process, or this thread, holds the lock of this build."""
        path = self.root / "build" / f"{self.name}.lock"
        try:
            return path.exists() and _is_held(path)
        except OSError:  # a home that cannot be written
            return False

    @contextmanager
    def chain_lock(self, source: str, network: str, is_patient: bool = True) -> Iterator[None]:
        """Hold a chain's ledger, for as long as reading it takes.

        Args:
            source, network: such as bitcoin and main.
            is_patient: whether to wait for another process that reads it.

        Raises:
            HomeBusy: another process reads it, and did so all the time.
        """
        holder = f"Another flowhouse is reading {source} {network} into this home"
        name = f"{source}-{network}{CHAIN_LOCK}"
        with self._lock(name, holder, is_patient), self._lake_lock(name, holder, is_patient):
            yield

    def range_lock(self, source: str, network: str, blocks: str) -> AbstractContextManager[None]:
        """Hold a range of a chain's history, for as long as it is read or taken.

        Args:
            blocks: its name.

        Raises:
            HomeBusy: another process does so.
        """
        holder = f"Another flowhouse is reading blocks {blocks} of {source} {network} into this home"
        return self._lock(f"{source}-{network}-{blocks}.range.lock", holder, is_patient=False)

    def collector_lock(self, venue: str) -> AbstractContextManager[None]:
        """Hold the stream of a venue, for as long as it is collected.

        Raises:
            HomeBusy: another process collects it.
        """
        return self._lock(f"collect-{venue}.lock", f"Another flowhouse collects {venue} into this home", False)

    def chains_being_read(self) -> list[str]:
        """The chains whose lock is held, as in `bitcoin main`; under the home's lock, so that none begins meanwhile."""
        held = {path.name for path in (self.root / "build").glob(f"*-*{CHAIN_LOCK}") if _is_held(path)}
        names = sorted(name for name in held | self.lake.files.locked() if name.endswith(CHAIN_LOCK))
        return [name.removesuffix(CHAIN_LOCK).replace("-", " ", 1) for name in names]

    @contextmanager
    def _lake_lock(self, name: str, holder: str, is_patient: bool = True) -> Iterator[None]:
        """Hold a lock of the lake against other machines; that of a folder has none."""
        from ingestion.lake.files import LockTaken

        with ExitStack() as held:
            try:
                held.enter_context(self.lake.files.lock(name, self.lock_wait_seconds if is_patient else 0))
            except LockTaken as taken:
                raise HomeBusy(f"{holder}'s lake on {taken.host}: try again when it is done.") from None
            yield

    @contextmanager
    def _lock(self, name: str, holder: str, is_patient: bool = True) -> Iterator[None]:
        folder = self.root / "build"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / name, is_singleton=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if not (is_patient and self.lock_wait_seconds):
                raise HomeBusy(f"{holder}: try again when it is done.") from None
            self._wait(lock, holder)
        try:
            yield
        finally:
            lock.release()

    def _wait(self, lock: BaseFileLock, holder: str) -> None:
        LOG.warning("%s: waiting up to %.0f s.", holder, self.lock_wait_seconds)
        try:
            lock.acquire(timeout=self.lock_wait_seconds)
        except Timeout:
            raise HomeBusy(
                f"{holder} and was not done after {self.lock_wait_seconds:.0f} s: try again later, or raise"
                " lock_wait_seconds in flowhouse.toml."
            ) from None

    def write_settings(self, name: str, text: str) -> Path:
        """Write a new file of settings, which only its owner may read: it may come to hold secrets.

        Raises:
            UsageError: there is one, or it cannot be written.
        """
        path = self.root / name
        if path.exists():
            raise UsageError(f"{path} is there already: edit it, or move it away first.")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
        except OSError as error:
            raise UsageError(f"{path} cannot be written ({error.strerror}): choose another --home.") from None
        return path

    def watch_lock(self) -> AbstractContextManager[Any]:
        """Hold what has been told of the home's state.

        Raises:
            Timeout: another process told somebody all the time.
        """
        (self.root / "build").mkdir(parents=True, exist_ok=True)
        return FileLock(self.root / "build" / "watch.lock", timeout=self.lock_wait_seconds)

    def read_state(self, name: str) -> dict[str, Any] | None:
        """A record among the builds; None where there is none, or none that can be read."""
        try:
            fields = json.loads((self.root / "build" / name).read_text())
        except (OSError, ValueError):
            return None
        return fields if isinstance(fields, dict) else None

    def write_state(self, name: str, fields: Mapping[str, Any]) -> None:
        """Replace a record among the builds in one step."""
        durable.write({self.root / "build" / name: json.dumps(fields, indent=1).encode()})

    def check_writable(self) -> Path:
        """Raise OSError where the home cannot be written to; returns it, or the folder in which it would be made."""
        folder = next(each for each in (self.root, *self.root.parents) if each.exists())
        probe = folder / ".probe"
        probe.write_text("")
        probe.unlink()
        return folder

    @property
    def published(self) -> Path:
        """Folder of versioned builds, of `latest`, and of builds as of a time, each below that time."""
        return self.root / "published"


def _is_held(path: Path) -> bool:
    lock = FileLock(path, is_singleton=True)
    if lock.is_locked:  # by this thread, which would get it again
        return True
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True


def now() -> datetime:
    """The time, UTC without zone, in whole seconds."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)
