"""The marts of a published folder: written from the build file, or carried over from the folder published before."""

import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from ingestion.digests import sha256
from orchestration import quiet_duckdb
from orchestration.errors import BuildFailed
from orchestration.inputs import versions
from orchestration.publishing import published, row_groups

STORAGE_VERSION = "v1.0.0"
"""Files of this version are opened by every DuckDB client since 1.0."""

COIN_FLOW = "onchain_coin_flow"
"""The mart with more rows than all others, few of which change."""

ROW_GROUP = 122_880
"""Rows of a row group of a Parquet file, as DuckDB has it: smaller ones are larger in sum, larger ones read in vain."""

LARGE_KEYED = 10_000
"""From so many rows on a mart with a key is created again: to empty its index takes 4 to 9 microseconds a row."""

FEW_ROWS = 1_000_000
"""Up to so many rows one thread writes: 55,000 took it 0.5 s of CPU, and two threads 0.8 s."""


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
        manifest = json.loads(((folder or Path()) / published.MANIFEST).read_bytes())
        is_intact = not published.damages(folder or Path(), manifest)
        return Earlier(folder, manifest) if folder and is_intact and manifest["versions"] == versions() else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def write(
    build_file: Path,
    folder: Path,
    changed: Collection[str],
    earlier: Earlier | None,
    memory_limit: str | None = None,
    unchanged_before: date | None = None,
) -> dict[str, dict]:
    """Write warehouse.duckdb and parquet/ into a folder.

    Args:
        build_file: the file that dbt built.
        folder: the new folder.
        changed: names of the marts whose rows may differ from those of the earlier folder.
        earlier: None to write every mart.
        memory_limit: of DuckDB, such as 1GiB; its own, most of the memory, where None.
        unchanged_before: the day before which the coin flow of UTXO chains is that of the earlier folder; None where
            nothing is known of it.

    Returns:
        rows and sha256 (of its Parquet file) of each mart, by name.

    Raises:
        BuildFailed: a file cannot be written.
    """
    try:
        with connected(build_file, memory_limit) as con:
            return _write(con, folder, changed, earlier, unchanged_before)
    except duckdb.OutOfMemoryException:
        raise BuildFailed(
            "the marts do not fit into the memory that DuckDB may use: give it more by memory_limit of [engine]."
        ) from None
    except duckdb.IOException as error:
        reason = str(error).splitlines()[0]
        raise BuildFailed(f"the marts cannot be written ({reason}): make room, or get access to the home.") from None


def connected(build_file: Path, memory_limit: str | None) -> duckdb.DuckDBPyConnection:
    """A connection with the build file attached, that spills beside it."""
    con = quiet_duckdb.connect()
    con.execute(f"set temp_directory = '{_quoted(build_file)}.tmp'")
    if memory_limit:
        con.execute(f"set memory_limit = '{memory_limit}'")
    con.execute(f"attach '{_quoted(build_file)}' as build (read_only)")
    return con


def _write(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    changed: Collection[str],
    earlier: Earlier | None,
    unchanged_before: date | None,
) -> dict[str, dict]:
    (folder / "parquet").mkdir(parents=True)
    warehouse = folder / published.WAREHOUSE
    rows = {name: _rows(con, name) for name in _marts(con)}
    before = earlier.manifest["marts"] if earlier else {}
    if rows.keys() != before.keys():
        earlier = None
    stale = {name for name in rows if earlier is None or name in changed or rows[name] != before[name]["rows"]}
    if sum(rows[name] for name in stale) <= FEW_ROWS:
        con.execute("set threads = 1")
    if earlier:
        shutil.copyfile(earlier.folder / published.WAREHOUSE, warehouse)
        con.execute(f"attach '{_quoted(warehouse)}' as warehouse")
        first_change = _first_change(con, unchanged_before) if unchanged_before and COIN_FLOW in changed else None
        _delete(con, stale, first_change)
    else:
        first_change = None
        con.execute(f"attach '{_quoted(warehouse)}' as warehouse (storage_version '{STORAGE_VERSION}')")
        _create_schema(con)
    marts = {}
    con.begin()
    for name in rows:
        file = folder / published.parquet(name)
        if earlier and name not in stale:
            published.link(earlier.folder / published.parquet(name), file)
            marts[name] = before[name]
        else:
            con.execute(f"insert into warehouse.marts.{name} {_in_order(name, first_change)}")
            if not (earlier and first_change and name == COIN_FLOW and _extend(con, earlier, file, first_change)):
                _copy(con, f"warehouse.marts.{name}", file)
            marts[name] = {"rows": rows[name], "sha256": sha256(file)}
    con.commit()
    con.execute("detach warehouse")
    return marts


def _copy(con: duckdb.DuckDBPyConnection, rows: str, file: Path) -> None:
    options = f"compression zstd, compression_level 1, row_group_size {ROW_GROUP}"
    con.execute(f"copy {rows} to '{_quoted(file)}' ({options})")


def _extend(con: duckdb.DuckDBPyConnection, earlier: Earlier, file: Path, first_change: date) -> bool:
    """Write the coin flow's Parquet file with the row groups of the earlier one that are before the first change.

    All 12.7 M rows of a chain take 6 s of CPU to write, these 0.4.

    Returns:
        Whether there are such row groups; else nothing is written.
    """
    before = earlier.folder / published.parquet(COIN_FLOW)
    same = f"select count(*) from warehouse.marts.{COIN_FLOW} where spend_date < date '{first_change}'"
    whole = max(con.sql(same).fetchall()[0][0] - 1, 0) // ROW_GROUP  # one row at least is written
    rest = file.with_name("rest.parquet")
    try:
        kept = row_groups.rows(before)[:whole]
        if not kept or set(kept) != {ROW_GROUP}:
            return False
        _copy(con, f"({_rows_after(con, sum(kept))})", rest)
        row_groups.extend(before, len(kept), rest, file)
    except row_groups.Unknown:
        return False
    finally:
        rest.unlink(missing_ok=True)
    return True


def _rows_after(con: duckdb.DuckDBPyConnection, count: int) -> str:
    """The rows of the published coin flow behind the first ones. By their days: an offset alone reads all of them."""
    days = f"select spend_date, count(*) as rows from warehouse.marts.{COIN_FLOW} group by spend_date"
    days = f"select *, sum(rows) over (order by spend_date) as so_far from ({days})"
    ((day, offset),) = con.sql(
        f"select spend_date, {count} - (so_far - rows) from ({days}) where so_far > {count} order by 1 limit 1"
    ).fetchall()
    return f"from warehouse.marts.{COIN_FLOW} where spend_date >= date '{day}' offset {offset}"


def _create_schema(con: duckdb.DuckDBPyConnection) -> None:
    """Tables without rows, comments, keys and macros of the published schemas."""
    con.execute("copy from database build to warehouse (schema)")
    for schema in _column(con, "select schema_name from duckdb_schemas() where database_name = 'warehouse'"):
        if schema not in ("marts", "main", "information_schema", "pg_catalog"):
            con.execute(f"drop schema warehouse.{schema} cascade")


def _first_change(con: duckdb.DuckDBPyConnection, unchanged_before: date) -> date:
    """The first day that the coin flow has otherwise than it was published before, that of tokens too."""
    chains = "select asset, network from build.marts.onchain_blocks_daily"
    of_tokens = f"(asset, network) not in ({chains}) and spend_date < date '{unchanged_before}'"
    # By their numbers: else every column of all rows is read, which takes ten times as long.
    numbers = f"select rowid from {{0}}.marts.{COIN_FLOW} where {of_tokens}"
    days = f"select spend_date, count(*), bit_xor(hash(flow)) from {{0}}.marts.{COIN_FLOW} as flow"
    days += f" where rowid in ({numbers}) group by 1"
    one, other = days.format("build"), days.format("warehouse")
    changed = f"({one} except {other}) union all ({other} except {one})"
    return con.sql(f"select min(spend_date) from ({changed})").fetchall()[0][0] or unchanged_before


def _delete(con: duckdb.DuckDBPyConnection, names: set[str], first_change: date | None) -> None:
    """Delete the rows of marts that are written anew; the checkpoint frees their blocks and keys for those.

    Fifty publications of 21 marts so left a file of 15 MB at 16 MB; without the checkpoint, at 29 MB.
    """
    large = f"index_count > 0 and estimated_size >= {LARGE_KEYED} and database_name = 'warehouse'"
    dropped = names & set(_column(con, f"select table_name from duckdb_tables() where {large}"))
    con.begin()
    for name in names:
        if name == COIN_FLOW and first_change:
            con.execute(f"delete from warehouse.marts.{name} where spend_date >= date '{first_change}'")
        else:
            con.execute(f"{'drop table' if name in dropped else 'truncate'} warehouse.marts.{name}")
    con.commit()
    con.execute("checkpoint warehouse")
    for name in sorted(dropped):
        _create_table(con, name)


def _create_table(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """A mart without rows, with its keys and comments."""
    of_mart = f"where database_name = 'build' and schema_name = 'marts' and table_name = '{name}'"
    ((sql, comment),) = con.sql(f"select sql, comment from duckdb_tables() {of_mart}").fetchall()
    con.execute(f"use warehouse; {sql}; use memory")
    comments = [(f"table warehouse.marts.{name}", comment)]
    for column, of_column in con.sql(f"select column_name, comment from duckdb_columns() {of_mart}").fetchall():
        comments.append((f'column warehouse.marts.{name}."{column}"', of_column))
    for what, text in comments:
        if text is not None:
            con.execute(f"comment on {what} is '{_quoted(text)}'")


def _in_order(name: str, first_change: date | None) -> str:
    """The rows of a mart that are written, in their order: the coin flow by day, so that new days come last."""
    if name != COIN_FLOW:
        return f"select * from build.marts.{name} order by all"
    days = f"where spend_date >= date '{first_change}'" if first_change else ""
    return f"select * from build.marts.{name} {days} order by spend_date, asset, network, birth_date, kind"


def _marts(con: duckdb.DuckDBPyConnection) -> list[str]:
    query = (
        "select table_name from duckdb_tables() where database_name = 'build' and schema_name = 'marts' order by all"
    )
    return _column(con, query)


def _rows(con: duckdb.DuckDBPyConnection, name: str) -> int:
    return con.sql(f"select count(*) from build.marts.{name}").fetchall()[0][0]


def _column(con: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    return [value for (value,) in con.sql(query).fetchall()]


def _quoted(text: Path | str) -> str:
    return str(text).replace("'", "''")
