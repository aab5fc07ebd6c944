"""A snapshot of the tables of a lake: hard links to the files that count at one moment.

Files of a lake are replaced, never written in place, so a link keeps what it was taken of. A copy does where the system
has no links.
"""

import os
import shutil
from collections.abc import Collection
from pathlib import Path

import polars as pl

from ingestion.lake import journal, parts
from ingestion.lake.tables import Lake

ATTEMPTS = 5


def take(lake: Lake, tables: Collection[tuple[str, str]], folder: Path) -> dict[str, str]:
    """Link the files of tables into a folder, in place of what it held; under the lake's lock.

    A ledger's parts count once its record names them. Ledgers are read without their lock: a part that a record names
    stays until a later record is written, and then the look is taken again.

    Args:
        lake: where the tables are.
        tables: source and name of each; one that is not there gets no folder.
        folder: gets `<source>/<table>/<file>.parquet`.

    Returns:
        SHA-256 of each file as it was written, by its path in the folder, where the lake knows it.

    Raises:
        FileNotFoundError: a part that a record names is gone.
    """
    shutil.rmtree(folder, ignore_errors=True)
    written: dict[str, str] = {}
    for source in sorted({source for source, _ in tables}):
        names = [table for owner, table in tables if owner == source]
        for attempt in range(ATTEMPTS):
            try:
                written |= _link(lake, source, names, folder / source)
                break
            except FileNotFoundError:
                shutil.rmtree(folder / source, ignore_errors=True)
                if attempt == ATTEMPTS - 1:
                    raise
    return written


def rows(path: Path) -> int:
    """How many rows a file of a snapshot has, read from its footer."""
    return pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()


def _link(lake: Lake, source: str, tables: Collection[str], folder: Path) -> dict[str, str]:
    """Link the files of tables: the one of the table's own name, and the parts that records name."""
    records = [record for record in parts.records(lake, source).values() if record]
    journaled = journal.digests(lake, source)
    written: dict[str, str] = {}
    for table in tables:
        if lake.has(source, table):
            written |= _linked(lake.path(source, table), folder / table, journaled.get(table))
        for record in records:
            for part in record.parts.get(table, []):
                written |= _linked(lake.path(source, table, part), folder / table, record.digest(table, part))
    return written


def _linked(path: Path, folder: Path, digest: str | None) -> dict[str, str]:
    """Link a file into a folder; returns the digest, where there is one, by the file's path in the snapshot."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, folder / path.name)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without links
        shutil.copy2(path, folder / path.name)
    return {f"{folder.parent.name}/{folder.name}/{path.name}": digest} if digest else {}
