"""Two engines' builds of one lake: exact in every column but doubles, which may differ by 1e-9 of the larger one.

python tests/spark/compare.py BUILD.duckdb SPARK_FOLDER [SCHEMA ...]
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb

TOLERANCE = 1e-9
OF_ENGINE = {
    "intermediate.int_onchain__ages_daily": {"sums_digest"},
    "intermediate.int_tokens__lots": {"token_number", "holder", "history"},
}
"""Columns with each engine's own hashes, which nothing compares with another engine's."""
ROUNDED = {"held_native", "native_held", "expected_native", "difference_native"}
"""Coins as decimals of eight digits, rounded from doubles of a fee's exponential: 800,000 coins leave the ninth digit
to the engine, so that the eighth may be rounded up or down. They may differ by one of it."""
UNIT = 1.5e-8


def differences(duckdb_file: Path, spark_folder: Path, schemas: Iterable[str] = ("marts",)) -> list[str]:
    """How the tables that Spark wrote differ from DuckDB's, a sentence each; none if both are the same.

    Args:
        duckdb_file: a build file of DuckDB.
        spark_folder: Spark's warehouse: `<schema>.db/<table>/*.parquet`.
        schemas: whose tables are compared.
    """
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        con.execute(f"attach '{duckdb_file}' as duck (read_only)")
        found = []
        for name in _tables(con, schemas):
            folder = spark_folder / name.replace(".", ".db/")
            files = [file for file in folder.rglob("*.parquet") if "_temporary" not in file.parts]
            if not files:
                found.append(f"{name}: Spark has no such table")
                continue
            theirs = f"read_parquet({[str(file) for file in files]}, hive_partitioning = true)"
            found += [
                f"{name}: {said}" for said in table_differences(con, f"duck.{name}", theirs, OF_ENGINE.get(name, ()))
            ]
        return found


def table_differences(con: duckdb.DuckDBPyConnection, ours: str, theirs: str, ignored: Iterable[str] = ()) -> list[str]:
    """How two relations of one connection differ, a sentence each.

    Args:
        con: where both can be read.
        ours: a table, whose columns and types are those expected.
        theirs: what is compared with it, as SQL after `from`.
        ignored: columns that are not compared.
    """
    types = {name: kind for name, kind in _columns(con, ours).items() if name not in ignored}
    other = _columns(con, theirs)
    if missing := sorted(types.keys() - other.keys()):
        return [f"no column {', '.join(missing)}"]
    found = [
        f"{name} is {other[name]}, not {kind}" for name, kind in types.items() if _kind(other[name]) != _kind(kind)
    ]
    doubles = [name for name, kind in types.items() if kind == "DOUBLE" or name in ROUNDED]
    exact = [name for name in types if name not in doubles]
    _number(con, "ours", ours, types, exact, doubles)
    _number(con, "theirs", theirs, types, exact, doubles)
    key = [*exact, "number"]
    for one, another, whose in (("ours", "theirs", "DuckDB"), ("theirs", "ours", "Spark")):
        only = f"select {_list(key)} from {one} except select {_list(key)} from {another}"
        if rows := con.execute(f"select count(*) from ({only})").fetchall()[0][0]:
            example = con.execute(f"select * from ({only}) order by all limit 1").fetchall()[0]
            found.append(f"{rows} rows are only {whose}'s, such as {dict(zip(key, example, strict=True))}")
    same = " and ".join(f'a."{name}" is not distinct from b."{name}"' for name in key)
    for name in doubles:
        a, b = f'cast(a."{name}" as double)', f'cast(b."{name}" as double)'
        allowed = str(UNIT) if name in ROUNDED else f"{TOLERANCE} * greatest(abs({a}), abs({b}))"
        rows, worst = con.execute(
            f"select count(*), max(case when {a} <> {b} then abs({a} - {b}) / greatest(abs({a}), abs({b})) end)"
            f" from ours as a inner join theirs as b on {same} where ({a} is null) <> ({b} is null)"
            f" or abs({a} - {b}) > {allowed}"
        ).fetchall()[0]
        if rows:
            found.append(f"{name} is off in {rows} rows, by a share of up to {worst}")
    return found


def _tables(con: duckdb.DuckDBPyConnection, schemas: Iterable[str]) -> list[str]:
    query = "select schema_name || '.' || table_name from duckdb_tables() where database_name = 'duck'"
    query += " and list_contains($schemas, schema_name) order by 1"
    return [name for (name,) in con.execute(query, {"schemas": list(schemas)}).fetchall()]


def _columns(con: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    return {name: kind for name, kind, *_ in con.execute(f"describe select * from {relation}").fetchall()}


def _kind(data_type: str) -> str:
    """The type, of integers none in particular: sums of these have another width on each engine. Spark has no enums."""
    if data_type.startswith("ENUM("):
        return "VARCHAR"
    return "INTEGER" if data_type in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT") else data_type


def _list(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _number(
    con: duckdb.DuckDBPyConnection,
    name: str,
    relation: str,
    types: dict[str, str],
    exact: Sequence[str],
    doubles: Sequence[str],
) -> None:
    """Make a table of the relation with rows of the same exact values numbered in the order of their doubles."""
    cells = ", ".join(f'cast("{column}" as {kind}) as "{column}"' for column, kind in types.items())
    order = f"order by {_list(doubles)}" if doubles else ""
    within = f"partition by {_list(exact)}" if exact else ""
    con.execute(
        f"create or replace temp table {name} as select *, row_number() over ({within} {order}) as number"
        f" from (select {cells} from {relation})"
    )


if __name__ == "__main__":
    said = differences(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or ("marts",))
    print("\n".join(said))
    sys.exit(bool(said))
