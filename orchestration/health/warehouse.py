"""The state of what is published: which build, how old, whether it is whole, and how the last build went."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import duckdb

from orchestration import quiet_duckdb
from orchestration.errors import PublishedDamaged
from orchestration.health import archive_check
from orchestration.health.archive_check import ArchiveCheck
from orchestration.home import Home
from orchestration.publishing import published

LAST_BUILD = "last_build.json"
"""How the last build went: at, succeeded, reason, build_id."""

VERDICT_CHANGED = "claim_verdict_changed"


@dataclass(frozen=True)
class WarehouseState:
    """The state of the warehouse. Times are UTC without zone.

    Attributes:
        last_build_at, last_build_failure: when a build was last tried, and why it failed; None where it did not.
        verdicts_changed: claims whose verdict is no longer the expected one.
        findings: findings about publishers, rows by kind.
        archive_check: the last check of the archive.
        sentences: what is wrong, in words.
    """

    build_id: str | None
    built_at: datetime | None
    age_hours: float | None
    is_sample: bool
    last_build_at: datetime | None
    last_build_failure: str | None
    verdicts_changed: int
    findings: dict[str, int]
    archive_check: ArchiveCheck | None
    state: Literal["ok", "failed", "lost", "empty"]
    sentences: tuple[str, ...] = ()

    @property
    def is_archive_well(self) -> bool:
        """Whether the last check of the archive found nothing."""
        return not (self.archive_check and self.archive_check.problems)


def warehouse_state(home: Home, losses: Sequence[str], at: datetime) -> WarehouseState:
    """The state of what is published.

    Args:
        losses: sentences on what the lake lost that is of no source or chain.
    """
    last = home.read_state(f"{home.name}/{LAST_BUILD}") or {}
    manifest, damages = _manifest(home, last)
    reason = None if last.get("succeeded", True) else last.get("reason")
    if reason is None and not last.get("succeeded", True) and not home.is_being_built:
        reason = "it was broken off, and the next one does its work: run `flowhouse build`."
    failure = f"the last build failed: {reason}" if reason else None
    built_at = _time(manifest.get("built_at"))
    lost = (*damages, *losses)
    findings = {str(each["kind"]): int(each["rows"]) for each in manifest.get("findings", [])}
    return WarehouseState(
        build_id=manifest.get("build_id"),
        built_at=built_at,
        age_hours=round((at - built_at) / timedelta(hours=1), 1) if built_at else None,
        is_sample=home.is_sample,
        last_build_at=_time(last.get("at")),
        last_build_failure=reason,
        verdicts_changed=findings.get(VERDICT_CHANGED, 0),
        findings=findings,
        archive_check=archive_check.last(home),
        state="lost" if lost else "failed" if failure else "ok" if manifest else "empty",
        sentences=(*lost, *([failure] if failure else [])),
    )


def _manifest(home: Home, last: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What the published folder says, and a sentence for each thing that is missing there."""
    try:
        folder, manifest = published.latest(home), published.manifest(home)
    except (OSError, PublishedDamaged) as error:
        return {}, [str(error)]
    if folder is None or manifest is None:
        was_there = last.get("build_id") or (home.published / "latest").is_symlink()
        gone = f"{home.published.name}/{last.get('build_id') or 'latest'} is gone: run `flowhouse build --full`."
        return {}, [gone] if was_there else []
    return manifest, list(_damages(home, folder, manifest))


def _damages(home: Home, folder: Path, manifest: dict[str, Any]) -> Iterator[str]:
    place = folder.relative_to(home.published.resolve()).as_posix()
    todo = "run `flowhouse build --full`."
    try:
        with quiet_duckdb.connect(folder / published.WAREHOUSE) as con:
            (tables,) = con.sql("select count(*) from duckdb_tables() where schema_name = 'marts'").fetchall()[0]
    except duckdb.Error:
        yield f"published/{place}/{published.WAREHOUSE} is gone or cannot be read: {todo}"
    else:
        if tables < len(manifest["marts"]):
            yield f"published/{place}/{published.WAREHOUSE} has {tables} of {len(manifest['marts'])} marts: {todo}"
    for name in manifest["marts"]:
        if not (folder / "parquet" / f"{name}.parquet").is_file():
            yield f"published/{place}/parquet/{name}.parquet is gone: {todo}"


def _time(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None
