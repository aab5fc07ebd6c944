"""A snapshot of the tables of a lake: hard links to the files that count at one moment.

Files of a lake are replaced, never written in place, so a link keeps what it was taken of. A copy does where the system
has no links.
"""

import json
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from ingestion.lake.tables import Lake

ATTEMPTS = 5


def take(lake: Lake, tables: Collection[tuple[str, str]], folder: Path) -> None:
    """Link the files of tables into a folder, in place of what it held; under the lake's lock.

    A ledger's parts count once its record names them. Ledgers are read without their lock: a part that a record names
    stays until a later record is written, and then the look is taken again.

    Args:
        lake: where the tables are.
        tables: source and name of each; one that is not there gets no folder.
        folder: gets `<source>/<table>/<file>.parquet`.

    Raises:
        FileNotFoundError: a part that a record names is gone.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for source in sorted({source for source, _ in tables}):
        names = [table for owner, table in tables if owner == source]
        for attempt in range(ATTEMPTS):
            try:
                _link(lake, source, names, folder / source)
                break
            except FileNotFoundError:
                shutil.rmtree(folder / source, ignore_errors=True)
                if attempt == ATTEMPTS - 1:
                    raise


def rows(path: Path) -> int:
    """How many rows a file of a snapshot has, read from its footer."""
    return pl.scan_parquet(path).select(pl.len()).collect().item()


def _link(lake: Lake, source: str, tables: Collection[str], folder: Path) -> None:
    records: list[dict[str, Any]] = [
        json.loads(lake.read_record(source, name) or "{}") for name in lake.records(source)
    ]
    for table in tables:
        for path in _counted(lake, source, table, records):
            target = folder / table / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, target)
            except FileNotFoundError:
                raise
            except OSError:  # another file system, or one without links
                shutil.copy2(path, target)


def _counted(lake: Lake, source: str, table: str, records: Collection[dict[str, Any]]) -> Iterator[Path]:
    """The file of the table's own name, and the parts that records name."""
    named: list[str] = [part for record in records for part in record.get("parts", {}).get(table, [])]
    if lake.has(source, table):
        yield lake.path(source, table)
    yield from (lake.path(source, table, part) for part in named)
