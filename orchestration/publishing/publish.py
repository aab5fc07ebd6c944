"""Publishes a build: writes everything into a hidden folder, and moves it into place at the end.

published/<build id>/{warehouse.duckdb, parquet/<mart>.parquet, report.html, charts/<name>.png, manifest.json}
                     docs/index.html, and {sql.html, duckdb-wasm.js} where the home has the engine
"""

import hashlib
import json
import os
import shutil
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import duckdb

from orchestration.home import Home
from orchestration.inputs import Inputs, versions
from orchestration.publishing import published, retention, sql_engine
from orchestration.settings import Publish

STORAGE_VERSION = "v1.0.0"
"""Files of this version are opened by every DuckDB client since 1.0."""


def publish(
    home: Home,
    inputs: Inputs,
    built_at: datetime,
    settings: Publish,
    changed: Collection[str] | None = None,
    previous: Path | None = None,
) -> Path:
    """Publish the marts of the build file as a new folder, in one step: a reader sees the old folder or the new one.

    Returns:
        The published folder.
    """
    build_id = f"{built_at:%Y%m%dT%H%M%SZ}-{inputs.fingerprint[:8]}"
    home.published.mkdir(parents=True, exist_ok=True)
    for leftover in home.published.glob(".*.part"):
        shutil.rmtree(leftover, ignore_errors=True)
    part = home.published / f".{build_id}.part"
    (part / "parquet").mkdir(parents=True)
    marts, findings = _write_marts(home.build_file, part)
    if home.docs_page.exists():  # a build file that was made by hand has no docs
        (part / "docs").mkdir()
        shutil.copyfile(home.docs_page, part / "docs" / "index.html")
    content = {
        "build_id": build_id,
        "built_at": f"{built_at.isoformat()}Z",
        "is_sample": inputs.is_sample,
        "as_of": f"{home.as_of.isoformat()}Z" if home.as_of else None,
        "versions": versions(),
        "fingerprint": inputs.fingerprint,
        "sources": [reading.fields() | {"at": f"{reading.at.isoformat()}Z"} for reading in inputs.readings],
        "failed_sources": [reading.source for reading in inputs.readings if reading.failures],
        "findings": findings,
        "marts": marts,
    }
    (part / published.MANIFEST).write_text(json.dumps(content, indent=1))
    _write_report(part, content)
    sql_engine.add_page(home, part)
    if home.as_of:
        return published.replace_folder(part, home.published / "as_of" / home.name)
    folder = home.published / build_id
    os.replace(part, folder)
    published.point_latest(home.published, build_id)
    retention.remove_old(home.published, folder, built_at, settings.keep_builds)
    return folder


def _write_marts(build_file: Path, folder: Path) -> tuple[dict[str, dict], list[dict]]:
    """Copy schema, comments, keys and macros with COPY FROM DATABASE, then the rows of the marts alone."""
    with duckdb.connect() as con:
        con.execute(f"attach '{_quoted(build_file)}' as build (read_only)")
        con.execute(
            f"attach '{_quoted(folder / published.WAREHOUSE)}' as warehouse (storage_version '{STORAGE_VERSION}')"
        )
        con.execute("copy from database build to warehouse (schema)")
        for schema in _column(con, "select schema_name from duckdb_schemas() where database_name = 'warehouse'"):
            if schema not in ("marts", "main", "information_schema", "pg_catalog"):
                con.execute(f"drop schema warehouse.{schema} cascade")
        marts = {}
        for name in _column(
            con,
            "select table_name from duckdb_tables()"
            " where database_name = 'build' and schema_name = 'marts' order by table_name",
        ):
            con.execute(f"insert into warehouse.marts.{name} select * from build.marts.{name} order by all")
            file = folder / "parquet" / f"{name}.parquet"
            con.execute(f"copy warehouse.marts.{name} to '{_quoted(file)}' (compression zstd)")
            rows = con.sql(f"select count(*) from warehouse.marts.{name}").fetchall()[0][0]
            marts[name] = {"rows": rows, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
        counted = con.sql("select kind, count(*) from build.marts.etf_findings group by kind order by kind").fetchall()
        con.execute("detach warehouse")
    return marts, [{"kind": kind, "rows": rows} for kind, rows in counted]


def _write_report(folder: Path, content: dict) -> None:
    from orchestration.publishing.report.page import render  # 0.1 s of CPU, only when publishing

    report = render(folder / published.WAREHOUSE, content)
    (folder / published.REPORT).write_text(report.html, encoding="utf-8")
    (folder / "charts").mkdir()
    for name, image in report.charts.items():
        (folder / "charts" / f"{name}.png").write_bytes(image)


def _column(con: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    return [value for (value,) in con.sql(query).fetchall()]


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
