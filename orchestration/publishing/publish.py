"""Publishes a build: writes everything into a hidden folder, and moves it into place at the end.

published/<build id>/{warehouse.duckdb, parquet/<mart>.parquet, report.html, charts/<name>.png, manifest.json}
                     docs/index.html, and {sql.html, duckdb-wasm.js} where the home has the engine
"""

import json
import shutil
from collections.abc import Collection
from datetime import date, datetime
from pathlib import Path
from typing import Any

from ingestion import durable
from ingestion.digests import sha256
from ingestion.refresh import TIMES, RefreshResult
from orchestration.home import DBT_PROJECT, Home
from orchestration.inputs import Inputs, versions
from orchestration.publishing import findings, marts, published, retention, sql_engine
from orchestration.publishing.marts import Earlier
from orchestration.settings import Settings


def publish(
    home: Home,
    inputs: Inputs,
    built_at: datetime,
    settings: Settings,
    changed: Collection[str] | None = None,
    previous: Path | None = None,
    unchanged_before: date | None = None,
) -> Path:
    """Publish the marts of the build file as a new folder, in one step: a reader sees the old folder or the new one.

    The lake is not looked at: it may have changed since the build file was made from `inputs`.

    Args:
        inputs: what the build file was made from.
        built_at: UTC without zone.
        settings: how many builds stay, and what DuckDB may use.
        changed: names of the marts that were rebuilt since `previous`; None for all.
        previous: the published folder whose marts equal the build file's but for `changed`; not used where a file of it
            is not as it was published.
        unchanged_before: the day before which coins were spent as in `previous`; None where nothing is known of it.

    Returns:
        The published folder.

    Raises:
        BuildFailed, OSError: a file cannot be written; what was published stays as it is.
    """
    build_id = f"{built_at:%Y%m%dT%H%M%SZ}-{inputs.fingerprint[:8]}"
    durable.make_folder(home.published)
    durable.remove_left_over(home.published)
    part = durable.hidden(home.published / build_id)
    earlier = None if changed is None else marts.intact(previous)
    try:
        written = marts.write(
            home.build_file, part, changed or (), earlier, settings.engine.memory_limit, unchanged_before
        )
        _write(home, inputs, part, build_id, built_at, written, earlier)
        durable.sync_tree(part)
    except BaseException:  # on a full disk it would keep the room
        shutil.rmtree(part, ignore_errors=True)
        raise
    if home.as_of:
        return published.place_as_of(part, home.published / "as_of" / home.name, build_id)
    folder = published.replace_folder(part, home.published / build_id)  # one of this very second
    published.point_latest(home.published, build_id)
    retention.remove_old(home.published, built_at, settings.publish)
    return folder


def _write(
    home: Home,
    inputs: Inputs,
    part: Path,
    build_id: str,
    built_at: datetime,
    written: dict[str, dict],
    earlier: Earlier | None,
) -> None:
    """Write all files of a published folder beside its marts."""
    _add_docs(home, part, earlier)
    warehouse = part / published.WAREHOUSE
    content = {
        "build_id": build_id,
        "built_at": f"{built_at.isoformat()}Z",
        "is_sample": inputs.is_sample,
        "as_of": f"{home.as_of.isoformat()}Z" if home.as_of else None,
        "versions": versions(),
        "fingerprint": inputs.fingerprint,
        "sources": [_reading(reading) for reading in inputs.readings],
        "failed_sources": [reading.source for reading in inputs.readings if reading.standing_failures],
        "findings": findings.in_warehouse(warehouse),
        "warehouse": {"bytes": warehouse.stat().st_size, "sha256": sha256(warehouse)},
        "marts": written,
    }
    (part / published.MANIFEST).write_text(json.dumps(content, indent=1))
    _write_report(home, part, content)
    sql_engine.add_page(home, part)


def _reading(result: RefreshResult) -> dict[str, Any]:
    """How the refresh of a source went, its times marked as UTC."""
    return {name: f"{value}Z" if name in TIMES and value else value for name, value in result.fields().items()}


def _add_docs(home: Home, part: Path, earlier: Earlier | None) -> None:
    """dbt's page, which follows the project alone; a build file that was made by hand has none."""
    page = part / "docs" / "index.html"
    before = earlier.folder / "docs" / "index.html" if earlier else home.docs_page
    if not before.exists():
        return
    page.parent.mkdir()
    if earlier:
        published.link(before, page)
    else:  # dbt writes into each seed where the project is on this machine
        page.write_bytes(before.read_bytes().replace(str(DBT_PROJECT).encode(), DBT_PROJECT.name.encode()))


def _write_report(home: Home, folder: Path, content: dict) -> None:
    from orchestration.publishing.report.page import render  # 0.1 s of CPU, only when publishing

    report = render(folder / published.WAREHOUSE, content, home.build / "report")
    (folder / published.REPORT).write_text(report.html, encoding="utf-8")
    (folder / "charts").mkdir()
    for name, image in report.charts.items():
        (folder / "charts" / f"{name}.png").write_bytes(image)
