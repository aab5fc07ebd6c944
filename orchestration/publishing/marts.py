"""The marts of a published folder: written from the build file, or carried over from the folder published before."""

import hashlib
import json
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.inputs import versions
from orchestration.publishing import published

STORAGE_VERSION = "v1.0.0"
"""Files of this version are opened by every DuckDB client since 1.0."""


@dataclass(frozen=True)
class Earlier:
    """A published folder whose files are as they were published, with its manifest."""

    folder: Path
    manifest: Mapping


def intact(folder: Path | None) -> Earlier | None:
    """A published folder that marts can be carried over from.

    None if there is none, other versions made it, or a file is not as it was published: a client may have opened the
    warehouse for writing.
    """
    try:
        manifest = json.loads(((folder or Path()) / published.MANIFEST).read_text())
        expected = {published.WAREHOUSE: manifest["warehouse"]["sha256"]}
        expected |= {_parquet(name): mart["sha256"] for name, mart in manifest["marts"].items()}
        is_intact = all(sha256((folder or Path()) / name) == digest for name, digest in expected.items())
    except (OSError, ValueError, KeyError):
        return None
    return Earlier(folder, manifest) if folder and is_intact and manifest["versions"] == versions() else None


def write(build_file: Path, folder: Path, changed: Collection[str], earlier: Earlier | None) -> dict[str, dict]:
    """Write warehouse.duckdb and parquet/ into a folder.

    Args:
        build_file: the file that dbt built.
        folder: the new folder.
        changed: names of the marts whose rows may differ from those of the earlier folder.
        earlier: None to write every mart.

    Returns:
        rows and sha256 (of its Parquet file) of each mart, by name.
    """
    (folder / "parquet").mkdir(parents=True)
    warehouse = folder / published.WAREHOUSE
    with duckdb.connect() as con:
        con.execute(f"attach '{_quoted(build_file)}' as build (read_only)")
        names = _marts(con, "build")
        if earlier and names == sorted(earlier.manifest["marts"]):
            stale = [name for name in names if name in changed or _rows(con, name) != _rows_before(earlier, name)]
            shutil.copyfile(earlier.folder / published.WAREHOUSE, warehouse)
            con.execute(f"attach '{_quoted(warehouse)}' as warehouse")
            _empty(con, stale)
        else:
            stale = names
            con.execute(f"attach '{_quoted(warehouse)}' as warehouse (storage_version '{STORAGE_VERSION}')")
            _create_schema(con)
        marts = {}
        con.begin()  # one commit of all saves a third of the CPU of one for each
        for name in names:
            file = folder / _parquet(name)
            if earlier and name not in stale:
                published.link(earlier.folder / _parquet(name), file)
                marts[name] = earlier.manifest["marts"][name]
            else:
                con.execute(f"insert into warehouse.marts.{name} select * from build.marts.{name} order by all")
                con.execute(f"copy warehouse.marts.{name} to '{_quoted(file)}' (compression zstd)")
                marts[name] = {"rows": _rows(con, name), "sha256": sha256(file)}
        con.commit()
        con.execute("detach warehouse")
    return marts


def sha256(file: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _create_schema(con: duckdb.DuckDBPyConnection) -> None:
    """Tables without rows, comments, keys and macros of the published schemas."""
    con.execute("copy from database build to warehouse (schema)")
    for schema in _column(con, "select schema_name from duckdb_schemas() where database_name = 'warehouse'"):
        if schema not in ("marts", "main", "information_schema", "pg_catalog"):
            con.execute(f"drop schema warehouse.{schema} cascade")


def _empty(con: duckdb.DuckDBPyConnection, names: Iterable[str]) -> None:
    """Delete all rows of marts; the checkpoint frees their blocks and keys for the rows that replace them.

    Fifty publications of 21 marts so left a file of 15 MB at 16 MB; dropped and created again, or without the
    checkpoint, at 29 MB.
    """
    con.begin()
    for name in names:
        con.execute(f"truncate warehouse.marts.{name}")
    con.commit()
    con.execute("checkpoint warehouse")


def _marts(con: duckdb.DuckDBPyConnection, database: str) -> list[str]:
    query = "select table_name from duckdb_tables() where database_name = $1 and schema_name = 'marts' order by all"
    return [name for (name,) in con.execute(query, [database]).fetchall()]


def _rows(con: duckdb.DuckDBPyConnection, name: str) -> int:
    return con.sql(f"select count(*) from build.marts.{name}").fetchall()[0][0]


def _rows_before(earlier: Earlier, name: str) -> int:
    return earlier.manifest["marts"][name]["rows"]


def _parquet(name: str) -> str:
    return f"parquet/{name}.parquet"


def _column(con: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    return [value for (value,) in con.sql(query).fetchall()]


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
