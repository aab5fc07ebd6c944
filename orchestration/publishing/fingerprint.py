"""One digest of all that a build depends on, and whether the published build still has it."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from orchestration.home import DBT_PROJECT, Home
from orchestration.publishing.published import manifest

CODE = {".py", ".sql", ".j2", ".css", ".html", ".js"}
PROJECT = {".sql", ".yml", ".csv", ".md"}
GENERATED = {"target", "logs", "dbt_packages"}
PACKAGES = ("flowhouse", "duckdb", "dbt-core", "dbt-duckdb", "polars")


def versions() -> dict[str, str]:
    """Versions of the packages that turn inputs into a warehouse."""
    return {package: version(package) for package in PACKAGES}


def fingerprint(home: Home) -> str:
    """SHA-256 of lake, dbt project, versions, the code in `orchestration/` and the as-of time."""
    digest = hashlib.sha256(json.dumps([versions(), home.name]).encode())
    here = Path(__file__).parents[1]
    code = sorted(path for path in here.rglob("*") if path.suffix in CODE)
    inputs = ((home.lake.root, home.lake.files()), (DBT_PROJECT, _project_files()), (here, code))
    for folder, files in inputs:
        for path in files:
            digest.update(path.relative_to(folder).as_posix().encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_current(home: Home) -> bool:
    """Whether the published build was made from the inputs that the home has now."""
    published = manifest(home)
    return published is not None and published["fingerprint"] == fingerprint(home)


def _project_files() -> list[Path]:
    return sorted(
        path
        for path in DBT_PROJECT.rglob("*")
        if path.suffix in PROJECT and not GENERATED & set(path.relative_to(DBT_PROJECT).parts)
    )
