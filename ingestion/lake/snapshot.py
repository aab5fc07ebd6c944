"""A snapshot of the tables of a lake: hard links to the files that count at one moment.

Files of a lake are replaced, never written in place, so a link keeps what it was taken of. A copy does where the system
has no links. Of a lake on a store the links are to the copies that this machine keeps of its files.
"""

import os
import shutil
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from ingestion.lake import journal, parts
from ingestion.lake.tables import Lake, file
from ingestion.threads import in_order

ATTEMPTS = 5
IN_FLIGHT = 8
"""Sources that are looked at together: a store takes 0.02 s to answer for each file."""


def fetch(lake: Lake, tables: Collection[tuple[str, str]]) -> None:
    """Bring what a snapshot would link to this machine, so that taking it is a matter of an instant; without a lock."""

    def fetch_source(names: tuple[str, list[str]]) -> None:
        with suppress(FileNotFoundError):  # removed meanwhile
            lake.files.copies([*_chosen(lake, *names)])

    list(in_order(fetch_source, _by_source(tables).items(), IN_FLIGHT))
    lake.files.tidy()


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
    linked = in_order(lambda names: _link(lake, *names, folder), _by_source(tables).items(), IN_FLIGHT)
    return {name: digest for digests in linked for name, digest in digests.items()}


def rows(path: Path) -> int:
    """How many rows a file of a snapshot has, read from its footer."""
    return pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()


def least(path: Path, column: str) -> Any:
    """The least value of a column of a file of a snapshot; None where it has no rows."""
    return pl.scan_parquet(path, glob=False).select(pl.min(column)).collect().item()


def _by_source(tables: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for source, table in sorted(tables):
        found.setdefault(source, []).append(table)
    return found


def _chosen(lake: Lake, source: str, tables: Collection[str]) -> dict[str, str | None]:
    """The files of tables with their digests, where these are known: those of the table's name, and recorded parts."""
    records = [record for record in parts.records(lake, source).values() if record]
    journaled = journal.digests(lake, source)
    found: dict[str, str | None] = {}
    for table in tables:
        if lake.has(source, table):
            found[file(source, table)] = journaled.get(table)
        for record in records:
            for part in record.parts.get(table, []):
                found[file(source, table, part)] = record.digest(table, part)
    return found


def _link(lake: Lake, source: str, tables: Collection[str], folder: Path) -> dict[str, str]:
    """Link the files of a source's tables into a folder; returns the digests that are known, by name."""
    for attempt in range(ATTEMPTS):
        try:
            chosen = _chosen(lake, source, tables)
            for name, path in lake.files.copies([*chosen]).items():
                _link_file(path, folder / name)
            return {name: digest for name, digest in chosen.items() if digest}
        except FileNotFoundError:
            shutil.rmtree(folder / source, ignore_errors=True)
            if attempt == ATTEMPTS - 1:
                raise
    return {}


def _link_file(path: Path, link: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, link)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without links
        shutil.copy2(path, link)
