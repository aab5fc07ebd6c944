"""The published folder: a build under its id, and one atomic swap of `latest`.

published/<build id>/{warehouse.duckdb, parquet/<mart>.parquet, report.html, charts/<name>.png, manifest.json}
                     docs/index.html, and {sql.html, duckdb-wasm.js} where the home holds the engine
published/latest           a symbolic link, or latest.txt where links are refused
published/as_of/<T>/       the same files for a build as of an earlier time
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import duckdb

from ingestion.errors import UsageError
from ingestion.refresh import RefreshResult, holds_sample
from orchestration.home import DBT_PROJECT, Home
from orchestration.publishing import sql_engine as browser

MANIFEST = "manifest.json"
REPORT = "report.html"
WAREHOUSE = "warehouse.duckdb"
STORAGE_VERSION = "v1.0.0"
"""Files of this version are opened by every DuckDB client since 1.0."""
KEPT_FOR = timedelta(days=1)
CODE = {".py", ".sql", ".j2", ".css", ".html", ".js"}
PACKAGES = ("flowhouse", "duckdb", "dbt-core", "dbt-duckdb", "polars")


def versions() -> dict[str, str]:
    """Versions of what turns inputs into a warehouse."""
    return {package: version(package) for package in PACKAGES}


def fingerprint(home: Home) -> str:
    """A digest of all a build depends on: lake, dbt project, versions, publishing code, and as of when it is."""
    digest = hashlib.sha256(json.dumps([versions(), home.name]).encode())
    here = Path(__file__).parents[1]
    code = sorted(path for path in here.rglob("*") if path.suffix in CODE)
    inputs = ((home.lake.root, home.lake.files()), (DBT_PROJECT, _project_files()), (here, code))
    for folder, files in inputs:
        for path in files:
            digest.update(path.relative_to(folder).as_posix().encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def latest(home: Home) -> Path | None:
    """The folder last published for this home, or None: `latest`, or the one of the home's own time."""
    if home.as_of:
        folder = home.published / "as_of" / home.name
    elif (pointer := home.published / "latest.txt").exists():
        folder = home.published / pointer.read_text().strip()
    else:
        folder = home.published / "latest"
    return folder.resolve() if (folder / MANIFEST).exists() else None


def manifest(home: Home) -> dict | None:
    """What the last published folder says of itself."""
    folder = latest(home)
    return json.loads((folder / MANIFEST).read_text()) if folder else None


def is_current(home: Home) -> bool:
    """Whether what is published was made from the very inputs that the home holds now."""
    published = manifest(home)
    return published is not None and published["fingerprint"] == fingerprint(home)


def warehouse(home: Home) -> Path:
    """The published database.

    Raises:
        UsageError: nothing has been published yet.
    """
    folder = latest(home)
    if folder is None:
        raise UsageError(f"Nothing is published below {home.root} yet: run `flowhouse build` first.")
    return folder / WAREHOUSE


def publish(home: Home, readings: Sequence[RefreshResult], built_at: datetime, keep_builds: int) -> Path:
    """Copy the marts of the build file into a new folder and make it the one that readers see.

    Everything is written beside and moved into place at the end, so a reader sees the old folder or the new one.

    Returns:
        The published folder.
    """
    inputs = fingerprint(home)
    build_id = f"{built_at:%Y%m%dT%H%M%SZ}-{inputs[:8]}"
    home.published.mkdir(parents=True, exist_ok=True)
    for left_over in home.published.glob(".*.part"):
        shutil.rmtree(left_over, ignore_errors=True)
    part = home.published / f".{build_id}.part"
    (part / "parquet").mkdir(parents=True)
    marts, findings = _write_marts(home.build_file, part)
    if home.docs_page.exists():  # a build file made by hand has none
        (part / "docs").mkdir()
        shutil.copyfile(home.docs_page, part / "docs" / "index.html")
    content = {
        "build_id": build_id,
        "built_at": f"{built_at.isoformat()}Z",
        "is_sample": bool(holds_sample(home.lake)),
        "as_of": f"{home.as_of.isoformat()}Z" if home.as_of else None,
        "versions": versions(),
        "fingerprint": inputs,
        "sources": [asdict(reading) | {"at": f"{reading.at.isoformat()}Z"} for reading in readings],
        "failed_sources": [reading.source for reading in readings if reading.failures],
        "findings": findings,
        "marts": marts,
    }
    (part / MANIFEST).write_text(json.dumps(content, indent=1))
    _write_report(part, content)
    browser.add_page(home, part)
    if home.as_of:
        return _replace(part, home.published / "as_of" / home.name)
    folder = home.published / build_id
    os.replace(part, folder)
    _point_latest(home.published, build_id)
    _remove_old(home.published, folder, built_at, keep_builds)
    return folder


def _project_files() -> list[Path]:
    kinds = {".sql", ".yml", ".csv", ".md"}
    left_out = {"target", "logs", "dbt_packages"}
    return sorted(
        path
        for path in DBT_PROJECT.rglob("*")
        if path.suffix in kinds and not left_out & set(path.relative_to(DBT_PROJECT).parts)
    )


def _write_marts(build_file: Path, folder: Path) -> tuple[dict[str, dict], list[dict]]:
    """Schema, comments, keys and macros are copied with COPY FROM DATABASE, then the rows of the marts alone."""
    with duckdb.connect() as con:
        con.execute(f"attach '{_quoted(build_file)}' as build (read_only)")
        con.execute(f"attach '{_quoted(folder / WAREHOUSE)}' as warehouse (storage_version '{STORAGE_VERSION}')")
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
    from orchestration.publishing.report.page import render  # 0.1 s of CPU, which commands that only read save

    report = render(folder / WAREHOUSE, content)
    (folder / REPORT).write_text(report.html, encoding="utf-8")
    (folder / "charts").mkdir()
    for name, image in report.charts.items():
        (folder / "charts" / f"{name}.png").write_bytes(image)


def _column(con: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    return [value for (value,) in con.sql(query).fetchall()]


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _replace(part: Path, folder: Path) -> Path:
    """Move a folder into the place of another; between the two moves, the old one is readable under its hidden name."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(part, folder)
    shutil.rmtree(old, ignore_errors=True)
    return folder


def _point_latest(published: Path, build_id: str) -> None:
    link, pointer = published / "latest", published / "latest.txt"
    part = published / ".latest.part"
    part.unlink(missing_ok=True)
    try:
        part.symlink_to(build_id, target_is_directory=True)
    except OSError:
        part.write_text(build_id)
        os.replace(part, pointer)
    else:
        os.replace(part, link)
        pointer.unlink(missing_ok=True)


def _remove_old(published: Path, newest: Path, built_at: datetime, keep_builds: int) -> None:
    """Remove builds beyond the newest `keep_builds` that are over a day old; a reader may hold one open: never mind."""
    for folder in sorted(_builds(published), reverse=True)[keep_builds:]:
        stamp = datetime.strptime(folder.name.split("-")[0], "%Y%m%dT%H%M%SZ")
        if folder != newest and built_at - stamp > KEPT_FOR:
            shutil.rmtree(folder, ignore_errors=True)


def _builds(published: Path) -> Iterable[Path]:
    return (path.parent for path in published.glob(f"*T*Z-*/{MANIFEST}"))
