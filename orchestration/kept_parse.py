"""dbt's parse of the project, kept for all homes of a user: parsing takes 5 to 9 s of CPU, reading what is kept 0.1.

~/.cache/flowhouse/parses/<digest>.msgpack, or below $XDG_CACHE_HOME
"""

import hashlib
from collections.abc import Collection
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from ingestion import durable
from orchestration import environment
from orchestration.graph import project_digest
from orchestration.home import DBT_PROJECT

PACKAGES = ("dbt-core", "dbt-adapters", "dbt-common", "dbt-duckdb")
KEPT = 8
"""Parses that stay, of 2.4 MB each: those of the checkouts and settings that a user builds with."""


def digest(options: Collection[str]) -> str:
    """SHA-256 of all that a parse follows from.

    Args:
        options: what dbt was told beyond the project's files.
    """
    # A parse names the project's place, and holds the macros of dbt's packages.
    versions = [version(package) for package in PACKAGES]
    return hashlib.sha256(repr([project_digest(), str(DBT_PROJECT), versions, *options]).encode()).hexdigest()


def read(digest: str) -> bytes | None:
    """The parse of that digest; None where none is kept."""
    try:
        return _path(digest).read_bytes()
    except OSError:
        return None


def keep(digest: str, parse: bytes) -> None:
    """Keep a parse, and drop the oldest where there are too many; does nothing where there is no room for it."""
    path = _path(digest)
    with suppress(OSError):
        durable.write({path: parse})
        for old in sorted(path.parent.glob("*.msgpack"), key=lambda kept: kept.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)


def _path(digest: str) -> Path:
    return environment.cache_root() / "parses" / f"{digest}.msgpack"
