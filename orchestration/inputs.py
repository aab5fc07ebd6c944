"""What one build reads: a digest per raw table, and one of all that turns tables into a warehouse."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import polars as pl

from ingestion.refresh import RefreshResult, last_readings
from orchestration.home import DBT_PROJECT, Home

CODE = {".py", ".sql", ".j2", ".css", ".html", ".js"}
PROJECT = {".sql", ".yml", ".csv", ".md"}
GENERATED = {"target", "logs", "dbt_packages"}
PACKAGES = ("flowhouse", "duckdb", "dbt-core", "dbt-duckdb", "polars")


@dataclass(frozen=True)
class Inputs:
    """What a build reads.

    Attributes:
        folder: holds the raw tables, as the lake does.
        tables: SHA-256 of each raw table, by `source/table`.
        rows: rows of each raw table.
        project: SHA-256 of the dbt project, the code, versions, the as-of time and settings that change results.
        readings: how each source was last asked.
        is_sample: whether the tables are those of the bundled sample.
    """

    folder: Path
    tables: Mapping[str, str]
    rows: Mapping[str, int]
    project: str
    readings: tuple[RefreshResult, ...]
    is_sample: bool

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the project and of every table: equal inputs have one, and no others have it."""
        return hashlib.sha256(json.dumps([self.project, sorted(self.tables.items())]).encode()).hexdigest()


def of_lake(home: Home) -> Inputs:
    """The inputs that a home's lake holds now; hold its lock until what reads them is done."""
    files: dict[str, list[Path]] = {}
    for file in home.lake.files():
        files.setdefault(file.parent.relative_to(home.lake.root).as_posix(), []).append(file)
    return Inputs(
        folder=home.lake.root,
        tables={table: _digest(home.lake.root, held) for table, held in files.items()},
        rows={table: pl.scan_parquet(held).select(pl.len()).collect().item() for table, held in files.items()},
        project=project_digest(home),
        readings=tuple(last_readings(home.lake)),
        is_sample=home.is_sample,
    )


def versions() -> dict[str, str]:
    """Versions of the packages that turn inputs into a warehouse."""
    return {package: version(package) for package in PACKAGES}


def project_digest(home: Home) -> str:
    """SHA-256 of the dbt project, the code in `orchestration/`, versions and the as-of time."""
    here = Path(__file__).parent
    code = sorted(path for path in here.rglob("*") if path.suffix in CODE)
    held = [json.dumps([versions(), home.name]), _digest(DBT_PROJECT, _project_files()), _digest(here, code)]
    return hashlib.sha256("\n".join(held).encode()).hexdigest()


def _digest(folder: Path, files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _project_files() -> list[Path]:
    return sorted(
        path
        for path in DBT_PROJECT.rglob("*")
        if path.suffix in PROJECT and not GENERATED & set(path.relative_to(DBT_PROJECT).parts)
    )
