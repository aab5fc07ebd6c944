"""The published marts as tables of a DuckLake whose catalogue is a Postgres: for many readers and writers.

    ~/ducklake/bin/python orchestration/bi/ducklake.py data/published/latest 'dbname=lake host=db.example.org' DIR

Run it after a build, from as many homes as there are; it has an environment of its own. DIR gets the Parquet files, and
is a folder or a bucket that readers reach too. Postgres finds a password in PGPASSWORD or ~/.pgpass.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import duckdb

Result = TypeVar("Result")
EXTENSIONS = "ducklake", "postgres_scanner"
ATTEMPTS, PAUSE_SECONDS = 20, 0.5
PASSING = "conflict", "already exists", "duplicate key", "could not serialize", "deadlock"
"""What DuckLake and Postgres say where another writer was quicker."""


def connect(catalogue: str, files: str) -> duckdb.DuckDBPyConnection:
    """A connection with the lake attached as `lake`, which the first one creates.

    Args:
        catalogue: how libpq finds the Postgres, such as `dbname=lake host=127.0.0.1`.
        files: where the tables' files are.
    """
    con = duckdb.connect()
    con.execute("set enable_progress_bar = false")
    for name in EXTENSIONS:
        folder = Path(str(importlib.import_module(f"duckdb_extension_{name}").__file__)).parent
        (extension,) = folder.glob(f"extensions/*/{name}.duckdb_extension")
        con.load_extension(str(extension))
    catalogue, files = (text.replace("'", "''") for text in (catalogue, files))
    # Small tables as files too, so that all rows are where the others are.
    options = f"data_path '{files}', data_inlining_row_limit 0"
    again(lambda: con.execute(f"attach 'ducklake:postgres:{catalogue}' as lake ({options})"))
    return con


def again(act: Callable[[], Result]) -> Result:
    """What `act` returns, called again where another writer was quicker."""
    for _ in range(ATTEMPTS - 1):
        try:
            return act()
        except duckdb.Error as error:
            if not any(words in str(error).lower() for words in PASSING):
                raise
        time.sleep(PAUSE_SECONDS)
    return act()


def write(con: duckdb.DuckDBPyConnection, published: Path) -> bool:
    """Replace the lake's marts by a published build's, in one transaction; False where they are of this or a newer one.

    Readers see one build or the other in all tables. `flowhouse.build` names it, and lets only one writer commit.
    """
    build_id = json.loads((published / "manifest.json").read_text())["build_id"]  # begins with its time
    con.execute("begin")
    con.execute("create schema if not exists lake.flowhouse")
    con.execute("create schema if not exists lake.marts")
    con.execute("create table if not exists lake.flowhouse.build (build_id varchar)")
    held = con.execute("select max(build_id) from lake.flowhouse.build").fetchall()[0][0]
    if held is not None and held >= build_id:
        con.execute("rollback")
        return False
    for file in sorted((published / "parquet").glob("*.parquet")):
        path = str(file).replace("'", "''")
        con.execute(f"create or replace table lake.marts.\"{file.stem}\" as from read_parquet('{path}')")
    con.execute("create or replace table lake.flowhouse.build as select $build_id as build_id", {"build_id": build_id})
    con.execute("commit")
    return True


def main(published: str, catalogue: str, files: str) -> str:
    """Write the marts; returns what was done."""
    folder = Path(published).resolve()  # `latest` is followed once

    def act() -> bool:
        with connect(catalogue, files) as con:
            return write(con, folder)

    return f"{folder.name} {'written' if again(act) else 'is held, or a newer one'}"


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    print(main(*sys.argv[1:]))
