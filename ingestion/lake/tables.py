"""Raw tables as typed Parquet, one folder each, replaced whole and atomically; and small records beside them.

<lake>/<source>/<table>/<table>.parquet     a table in one file
<lake>/<source>/<table>/<part>.parquet      or in parts
<lake>/<source>/<name>                      a record
<lake>/sample.txt                           where all of it is the bundled sample's
"""

import errno
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import polars as pl

from ingestion.digests import sha256
from ingestion.lake.files import Files, LocalFiles

Schema = Mapping[str, pl.DataType | type[pl.DataType]]
"""Columns and their types."""

SAMPLE_MARKER = "sample.txt"
SUFFIX = ".parquet"
CHAIN_READING = ".reading.json"
"""Ends the name of the record that says how the last reading of a chain went."""
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
"""What reading a file raises that is not a whole table."""


class Lake:
    """Raw tables in files. A table is one file of its name, or several, its parts.

    Attributes:
        files: where they are.
    """

    def __init__(self, files: Path | Files):
        self.files: Files = LocalFiles(files) if isinstance(files, Path) else files

    @property
    def name(self) -> str:
        """What sentences call the lake: the name of its folder, or its address."""
        return self.files.name

    @property
    def root(self) -> Path | None:
        """The lake's folder; None of a lake on a store."""
        return self.files.root

    @property
    def is_sample(self) -> bool:
        """Whether the lake is the bundled sample's; sample and real rows never mix."""
        return self.files.exists(SAMPLE_MARKER)

    def mark_as_sample(self) -> None:
        """Make an empty lake the bundled sample's."""
        self.files.write(SAMPLE_MARKER, b"This lake holds the bundled sample.\n")

    def drop(self) -> None:
        """Drop everything at once: a killed run leaves the whole lake, or none of it."""
        self.files.drop()

    def remove_dropped(self) -> None:
        """Remove what a killed run left of a lake that it dropped; under the home's lock."""
        self.files.remove_dropped()

    def create(self, source: str, schemas: Mapping[str, Schema]) -> None:
        """Write each table that is not there yet or cannot be read, typed and without rows; for tables in parts."""
        for table, schema in schemas.items():
            if not self.has(source, table) or self.read_if_readable(source, table, schema) is None:
                self.write(source, table, pl.DataFrame(schema=schema))

    def has(self, source: str, table: str, part: str | None = None) -> bool:
        """Whether the table, or the part of it, has been written, even without rows."""
        return self.files.exists(file(source, table, part))

    def read(self, source: str, table: str, schema: Schema, part: str | None = None) -> pl.DataFrame:
        """The rows; none, with `schema`, before anything was written."""
        path = self.files.local(file(source, table, part))
        return pl.read_parquet(path, glob=False) if path else pl.DataFrame(schema=schema)

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
        self.files.write(file(source, table), content)

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
        self.files.replace(file(source, table, part), lambda half: _write_parquet(rows, half), is_synced)

    def sync(self, source: str, parts: Collection[tuple[str, str]]) -> None:
        """Bring parts, as (table, part), to disk together."""
        self.files.sync([file(source, table, part) for table, part in parts])

    def parts(self, source: str, table: str) -> list[str]:
        """Names of the table's parts."""
        names = self.files.names(f"{source}/{table}")
        return [stem for name in names if name.endswith(SUFFIX) and (stem := name.removesuffix(SUFFIX)) != table]

    def remove(self, source: str, table: str, parts: Collection[str]) -> None:
        """Remove parts."""
        self.files.remove([file(source, table, part) for part in parts])

    def remove_left_over(self, source: str, table: str) -> None:
        """Remove what a killed run was writing of the table."""
        self.files.remove_left_over(f"{source}/{table}")

    def write_record(self, source: str, name: str, text: str) -> None:
        """Replace a small record beside a source's tables."""
        self.files.write(f"{source}/{name}", text.encode())

    def read_record(self, source: str, name: str) -> str | None:
        """A record's text, whatever bytes it has by now; None where there is none."""
        content = self.files.read(f"{source}/{name}")
        return None if content is None else content.decode(errors="replace")

    def rename_record(self, source: str, old: str, new: str) -> None:
        """Give a record another name; where both exist, `new` stays and `old` goes."""
        if self.files.exists(f"{source}/{new}"):
            self.files.remove([f"{source}/{old}"])
        else:
            self.files.rename(f"{source}/{old}", f"{source}/{new}")

    def records(self, source: str) -> list[str]:
        """Names of the records beside a source's tables, without those that say how a reading went."""
        names = self.files.names(source)
        return [name for name in names if name.endswith(".json") and not name.endswith(CHAIN_READING)]

    def all_records(self) -> list[tuple[str, str]]:
        """Source and name of every record."""
        names = (tuple(name.split("/")) for name in self.files.walk())
        return [(name[0], name[1]) for name in names if len(name) == 2]

    def sources_of(self, table: str) -> list[str]:
        """The sources that have a table of that name in one file, sorted."""
        names = (name.split("/") for name in self.files.walk())
        return [name[0] for name in names if name[1:] == [table, f"{table}{SUFFIX}"]]

    def path(self, source: str, table: str, part: str | None = None) -> Path:
        """The file of a table, or of a part of it, on this machine.

        Raises:
            FileNotFoundError: there is none.
        """
        name = file(source, table, part)
        if path := self.files.local(name):
            return path
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"{self.name}/{name}")


def file(source: str, table: str, part: str | None = None) -> str:
    """The name of the file of a table, or of a part of it."""
    return f"{source}/{table}/{part or table}{SUFFIX}"


def _write_parquet(rows: pl.DataFrame, path: Path) -> None:
    """Write rows; Polars tells an error of the system in words alone: "No space left on device (os error 28)"."""
    try:
        rows.write_parquet(path, compression="zstd")
    except pl.exceptions.ComputeError as error:
        if found := re.search(r"\(os error (\d+)\)", str(error)):
            raise OSError(int(found[1]), os.strerror(int(found[1]))) from None
        raise
