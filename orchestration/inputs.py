"""What a build reads: a snapshot of the lake, its digests, and what the last build of the same folder had read.

build/<name>/inputs/<source>/<table>/*.parquet   the snapshot, which dbt reads
build/<name>/digests.json                        digests of files, by inode, size and time
build/<name>/built.json                          what the build file and the published folder were made of
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path

from ingestion.digests import sha256
from ingestion.lake import snapshot
from ingestion.refresh import RefreshResult, last_readings
from orchestration.graph import Graph
from orchestration.home import Home

CODE = {".py", ".sql", ".j2", ".css", ".html", ".js"}
PACKAGES = ("flowhouse", "duckdb", "dbt-core", "dbt-duckdb", "polars")
CONTROL = "flowhouse/control"
COIN_FLOW = "bitcoin/coin_flow"
NEVER = date.max.isoformat()
BUILT = "built.json"
DIGESTS = "digests.json"


@dataclass(frozen=True)
class Inputs:
    """Everything that one build is made of.

    Attributes:
        folder: the snapshot.
        tables: SHA-256 of each raw table, by `source/table`.
        rows: rows of each raw table.
        project: SHA-256 of the dbt project, the code here, versions, the as-of time and settings that change results.
        readings: how the last refresh of each source went.
        is_sample: whether the lake is the bundled sample's.
        written: SHA-256 that files of the snapshot had when they were written, by `source/table/file`.
        first_days: ISO date of the first day of each part of COIN_FLOW, by its SHA-256.
    """

    folder: Path
    tables: Mapping[str, str]
    rows: Mapping[str, int]
    project: str
    readings: tuple[RefreshResult, ...]
    is_sample: bool
    written: Mapping[str, str] = field(default_factory=dict[str, str])
    first_days: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def fingerprint(self) -> str:
        """One digest of all that the results depend on."""
        return hashlib.sha256(json.dumps([self.project, sorted(self.tables.items())]).encode()).hexdigest()


@dataclass(frozen=True)
class Built:
    """What the build file was made of.

    Attributes:
        project: as in `Inputs`.
        tables, rows, first_days: as in `Inputs`; a table that is not named must be read again.
        build_id: the build that was published from it.
    """

    project: str
    tables: Mapping[str, str]
    rows: Mapping[str, int]
    build_id: str
    first_days: Mapping[str, str] = field(default_factory=dict[str, str])

    def without(self, tables: Collection[str]) -> "Built":
        """The same, with tables that must be read again."""
        return replace(self, tables={name: digest for name, digest in self.tables.items() if name not in tables})

    def of_no_project(self) -> "Built":
        """The same where everything must be built again, seeds too."""
        return replace(self, project="", tables={})


def take(home: Home, graph: Graph, strict_claims: bool, engine: Mapping[str, str] | None = None) -> Inputs:
    """Take the snapshot of a build, under the lake's lock for an instant.

    Args:
        engine: versions of what derives in place of DuckDB.

    Raises:
        FileNotFoundError: a file that a ledger's record names is gone.
    """
    names = [_split(table) for table in graph.tables if table != CONTROL]
    folder = home.build / "inputs"
    snapshot.fetch(home.lake, names)
    with home.lock():
        written = snapshot.take(home.lake, names, folder)
        readings = tuple(last_readings(home.lake))
        is_sample = home.lake.is_sample
    home.write_control(folder)
    digests = _Digests(home)
    found, tables, rows = {}, {}, {}
    for name in graph.tables:
        # A part that is written again with the same rows has another name, which says nothing.
        found[name] = sorted((*digests.of(path), path) for path in (folder / name).glob("*.parquet"))
        tables[name] = hashlib.sha256(json.dumps([digest for digest, _, _ in found[name]]).encode()).hexdigest()
        rows[name] = sum(count for _, count, _ in found[name])
    digests.write()
    made_by = _project(home, graph, strict_claims, engine or {})
    known = before.first_days if (before := read_built(home)) else {}
    first_days = {digest: known.get(digest) or _first_day(path) for digest, _, path in found[COIN_FLOW]}
    return Inputs(folder, tables, rows, made_by, readings, is_sample, written, first_days)


def unchanged_before(taken: Inputs, built: Built | None) -> date | None:
    """The day before which coins were spent as in the last build; None where nothing is known of it.

    A part of the coin flow holds days from its first one on.
    """
    if built is None or COIN_FLOW not in built.tables:
        return None
    changed = taken.first_days.items() ^ built.first_days.items()
    return date.fromisoformat(min((day for _, day in changed), default=NEVER))


def changed_since_written(taken: Inputs, tables: Collection[str]) -> list[str]:
    """Files of tables, as `source/table/file`, whose bytes are not those that were written.

    Rot changes neither size nor time, so that each is read: 1.5 GB a second. Half of all flipped bits give other
    values without an error. A table without rows says nothing that could be wrong.
    """
    tables = {table for table in tables if taken.rows[table]}
    names = (name for name in sorted(taken.written) if name.rpartition("/")[0] in tables)
    return [name for name in names if sha256(taken.folder / name) != taken.written[name]]


def versions() -> dict[str, str]:
    """Versions of the packages that turn inputs into a warehouse."""
    return {package: version(package) for package in PACKAGES}


def read_built(home: Home) -> Built | None:
    """What the home's build file was made of; None where nothing is known of it, so that all must be built."""
    fields = home.read_state(f"{home.name}/{BUILT}")
    if not fields or not home.build_file.exists():
        return None
    try:
        return Built(**fields)
    except TypeError:  # of another version
        return None


def write_built(home: Home, built: Built) -> None:
    """Note what the build file is made of."""
    home.write_state(f"{home.name}/{BUILT}", asdict(built))


def _first_day(part: Path) -> str:
    day = snapshot.least(part, "spend_date")
    return day.isoformat() if day else NEVER  # a part without rows


def _project(home: Home, graph: Graph, strict_claims: bool, engine: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps([{**versions(), **engine}, home.name, strict_claims, graph.digest]).encode())
    here = Path(__file__).parent
    for path in sorted(path for path in here.rglob("*") if path.suffix in CODE):
        digest.update(path.relative_to(here).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


class _Digests:
    """SHA-256 and rows of files that are never written in place, known by inode, size and time of change."""

    def __init__(self, home: Home):
        self._home = home
        self._known = {key: (digest, rows) for key, (digest, rows) in self._read().items()}
        self._used: dict[str, tuple[str, int]] = {}

    def of(self, path: Path) -> tuple[str, int]:
        stat = path.stat()
        key = f"{stat.st_ino}-{stat.st_size}-{stat.st_mtime_ns}"
        known = self._known.get(key)
        if known is None:
            known = sha256(path), snapshot.rows(path)
        self._used[key] = known
        return known

    def write(self) -> None:
        if self._used != self._known:
            self._home.write_state(f"{self._home.name}/{DIGESTS}", self._used)

    def _read(self) -> dict[str, tuple[str, int]]:
        return self._home.read_state(f"{self._home.name}/{DIGESTS}") or {}


def _split(name: str) -> tuple[str, str]:
    source, table = name.split("/")
    return source, table
