"""Raw tables as typed Parquet, one folder each, replaced whole and atomically; and small records beside them.

<root>/<source>/<table>/<table>.parquet     a table in one file
<root>/<source>/<table>/<part>.parquet      or in parts
<root>/<source>/<name>                      a record
<root>/sample.txt                           where all of it is the bundled sample's
"""

import os
import re
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

import polars as pl

from ingestion import durable
from ingestion.digests import sha256

Schema = Mapping[str, pl.DataType | type[pl.DataType]]
"""Columns and their types."""

SAMPLE_MARKER = "sample.txt"
CHAIN_READING = ".reading.json"
"""Ends the name of the record that says how the last reading of a chain went."""
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
"""What reading a file raises that is not a whole table."""


class Lake:
    """Raw tables below one folder. A table is one file of its name, or several, its parts."""

    def __init__(self, root: Path):
        self.root = root
        self._dropped = root.with_name(f".{root.name}.dropped")

    @property
    def is_sample(self) -> bool:
        """Whether the lake is the bundled sample's; sample and real rows never mix."""
        return (self.root / SAMPLE_MARKER).exists()

    def mark_as_sample(self) -> None:
        """Make an empty lake the bundled sample's."""
        durable.write({self.root / SAMPLE_MARKER: b"This lake holds the bundled sample.\n"})

    def drop(self) -> None:
        """Drop everything at once: a killed run leaves the whole lake, or none of it."""
        self.remove_dropped()
        if self.root.exists():
            durable.move(self.root, self._dropped)
            self.remove_dropped()

    def remove_dropped(self) -> None:
        """Remove what a killed run left of a lake that it dropped; under the home's lock."""
        if self._dropped.exists():
            shutil.rmtree(self._dropped)

    def create(self, source: str, schemas: Mapping[str, Schema]) -> None:
        """Write each table that is not there yet or cannot be read, typed and without rows; for tables in parts."""
        for table, schema in schemas.items():
            if not self.has(source, table) or self.read_if_readable(source, table, schema) is None:
                self.write(source, table, pl.DataFrame(schema=schema))

    def has(self, source: str, table: str, part: str | None = None) -> bool:
        """Whether the table, or the part of it, has been written, even without rows."""
        return self.path(source, table, part).exists()

    def read(self, source: str, table: str, schema: Schema, part: str | None = None) -> pl.DataFrame:
        """The rows; none, with `schema`, before anything was written."""
        path = self.path(source, table, part)
        return pl.read_parquet(path, glob=False) if path.exists() else pl.DataFrame(schema=schema)

    def read_if_readable(self, source: str, table: str, schema: Schema) -> pl.DataFrame | None:
        """The rows as `read` gives them; None where the file is no whole table."""
        try:
            return self.read(source, table, schema)
        except UNREADABLE:
            return None

    def digest(self, source: str, table: str, part: str | None = None) -> str | None:
        """SHA-256 of the file of a table or a part; None where it is gone or cannot be read."""
        try:
            return sha256(self.path(source, table, part))
        except OSError:
            return None

    def replace(self, source: str, table: str, content: bytes) -> None:
        """Replace the table by the bytes of a Parquet file, as `write` does."""
        durable.write({self.path(source, table, None): content})

    def scan(self, source: str, table: str, part: str | None = None) -> pl.LazyFrame:
        """The rows, read only as far as a query needs."""
        return pl.scan_parquet(self.path(source, table, part), glob=False)

    def height(self, source: str, table: str, part: str | None = None) -> int:
        """How many rows a table or a part has, read from the file's footer."""
        return self.scan(source, table, part).select(pl.len()).collect().item()

    def write(
        self, source: str, table: str, rows: pl.DataFrame, part: str | None = None, is_synced: bool = True
    ) -> None:
        """Replace the table or the part; a reader sees the old rows or the new ones, never half of either.

        Args:
            is_synced: whether a loss of power may no longer undo it; if not, call `sync` before anything names it.
        """
        path = self.path(source, table, part)
        durable.replace(path, lambda half: _write_parquet(rows, half), is_synced)

    def sync(self, source: str, parts: Collection[tuple[str, str]]) -> None:
        """Bring parts, as (table, part), to disk together."""
        durable.sync(self.path(source, table, part) for table, part in parts)

    def parts(self, source: str, table: str) -> list[str]:
        """Names of the table's parts."""
        return sorted(path.stem for path in (self.root / source / table).glob("*.parquet") if path.stem != table)

    def remove(self, source: str, table: str, part: str) -> None:
        """Remove a part."""
        self.path(source, table, part).unlink(missing_ok=True)

    def remove_left_over(self, source: str, table: str) -> None:
        """Remove what a killed run was writing of the table."""
        durable.remove_left_over(self.root / source / table)

    def write_record(self, source: str, name: str, text: str) -> None:
        """Replace a small record beside a source's tables."""
        durable.write({self.root / source / name: text.encode()})

    def read_record(self, source: str, name: str) -> str | None:
        """A record's text, whatever bytes it has by now; None where there is none."""
        try:
            return (self.root / source / name).read_text(errors="replace")
        except FileNotFoundError:
            return None

    def rename_record(self, source: str, old: str, new: str) -> None:
        """Give a record another name, in one step; where both exist, `new` stays and `old` goes."""
        before, after = self.root / source / old, self.root / source / new
        if after.exists():
            before.unlink(missing_ok=True)
        else:
            with suppress(FileNotFoundError):
                durable.move(before, after)

    def records(self, source: str) -> list[str]:
        """Names of the records beside a source's tables, without those that say how a reading went."""
        names = (path.name for path in (self.root / source).glob("*.json"))
        return sorted(name for name in names if not name.endswith(CHAIN_READING))

    def files(self) -> list[Path]:
        """Every Parquet file, in a fixed order: what a build reads, for its fingerprint."""
        return sorted(self.root.glob("*/*/*.parquet"))

    def path(self, source: str, table: str, part: str | None = None) -> Path:
        """Where a table in one file, or a part of it, is or would be."""
        return self.root / source / table / f"{part or table}.parquet"


def _write_parquet(rows: pl.DataFrame, path: Path) -> None:
    """Write rows; Polars tells an error of the system in words alone: "No space left on device (os error 28)"."""
    try:
        rows.write_parquet(path, compression="zstd")
    except pl.exceptions.ComputeError as error:
        if found := re.search(r"\(os error (\d+)\)", str(error)):
            raise OSError(int(found[1]), os.strerror(int(found[1]))) from None
        raise
