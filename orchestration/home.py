"""The folders of one warehouse, and what is written into them."""

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from ingestion.archive import Archive
from orchestration.environment import with_variables

if TYPE_CHECKING:
    from ingestion.lake.tables import Lake

DBT_PROJECT = Path(__file__).parent.parent / "dbt_project"
LOG = logging.getLogger("flowhouse")


@dataclass(frozen=True)
class Home:
    """The folders of one warehouse, for the current build or for one as of an earlier time.

    Attributes:
        root: the home folder.
        as_of: UTC without zone, or None for the current build.
        lock_wait_seconds: how long to wait for another process that holds one of the home's locks.
    """

    root: Path
    as_of: datetime | None = None
    lock_wait_seconds: float = 600

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

        return Lake(self.root / "lake")

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
    def dbt_target(self) -> Path:
        """Where dbt keeps its manifest and its partial parse, which another build file would make void.

        A parse holds the project's place, so each checkout of the project that builds this home has one of its own.
        """
        return self.build / f"dbt-{hashlib.md5(str(DBT_PROJECT).encode(), usedforsecurity=False).hexdigest()[:8]}"

    @property
    def docs_page(self) -> Path:
        """Where dbt writes its one-file page of models and columns."""
        return self.dbt_target / "static_index.html"

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
            Timeout: another process wrote to the home all the time.
        """
        from ingestion.lake.upgrade import upgrade

        with self._lock("lock", "Another flowhouse is writing to this home"):
            self.lake.remove_dropped()
            upgrade(self.lake)
            yield

    def build_lock(self) -> AbstractContextManager[None]:
        """Hold what one build at a time may write: its working files, and what is published.

        Raises:
            Timeout: another process built all the time.
        """
        return self._lock(f"{self.name}.lock", "Another flowhouse is building this home")

    def chain_lock(self, source: str, network: str) -> AbstractContextManager[None]:
        """Hold a chain's ledger, for as long as reading it takes.

        Raises:
            Timeout: another process read it all the time.
        """
        return self._lock(f"{source}-{network}.lock", f"Another flowhouse is reading {source} {network}")

    @contextmanager
    def _lock(self, name: str, holder: str) -> Iterator[None]:
        folder = self.root / "build"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / name, is_singleton=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            LOG.warning("%s: waiting up to %.0f s.", holder, self.lock_wait_seconds)
            lock.acquire(timeout=self.lock_wait_seconds)
        with lock:
            lock.release()
            yield

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
        path = self.root / "build" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        part.write_text(json.dumps(fields, indent=1))
        os.replace(part, path)

    def dagster_environment(self, mode: str) -> dict[str, str]:
        """The environment of a Dagster server for this home, whose own state lies among the builds."""
        state = self.root / "build" / "dagster"
        state.mkdir(parents=True, exist_ok=True)
        (state / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n")
        own = {"DAGSTER_HOME": str(state), "FLOWHOUSE_HOME": str(self.root), "FLOWHOUSE_MODE": mode}
        return with_variables(own)

    def check_writable(self) -> None:
        """Raise OSError where nothing can be written to the home."""
        self.root.mkdir(parents=True, exist_ok=True)
        probe = self.root / ".probe"
        probe.write_text("")
        probe.unlink()

    @property
    def published(self) -> Path:
        """Folder of versioned builds, of `latest`, and of builds as of a time, each below that time."""
        return self.root / "published"


def now() -> datetime:
    """The time, UTC without zone, in whole seconds."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)
