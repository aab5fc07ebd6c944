"""Tables in parts that count once a record names them: how the lake keeps a chain.

    <lake>/<source>/<table>/<key><suffix>.<generation>.parquet     a part
    <lake>/<source>/<key>.json                                     the record, with the digest of each part

A part is never written again under its name, and is removed only after a commit that no longer names it. A killed run
leaves parts that no record names; the next writer of the key removes them. A writer holds the lock of its key, and
touches no part of another one, which may be in the middle of being written. On a store each process ends the names of
its parts with a mark of its own: one that lost its lock removes and replaces nothing of another's.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, Self, TypeVar

import msgspec
import polars as pl

from ingestion.errors import LakeDamaged, UsageError
from ingestion.lake.tables import Lake, Schema

_SUFFIX = re.compile(r"-(\d{4}-\d{2}|tail|unfolded)$")
"""What may stand between a key and a generation: a month, or the name of what is not finalized."""
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]*", re.IGNORECASE)


@dataclass
class Record:
    """Which parts count. Each ledger adds what it keeps of its chain.

    Attributes:
        generation: rises with every part written; ends its name.
        parts: names of the parts that count, by table.
        digests: SHA-256 of each part's file as it was written, by `table/part`; records of 0.1.0 have none.
    """

    generation: int = 0
    parts: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    digests: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Self:
        """A record from its fields as they stand in the lake; a field that records no longer have is left out.

        Raises:
            one of UNREADABLE_RECORD: a field is of another type, or there are no parts.
        """
        # Older records have the rows of each part beside its name.
        parts = msgspec.convert(fields["parts"], dict[str, dict[str, int] | list[str]])
        return msgspec.convert(fields | {"parts": {table: [*names] for table, names in parts.items()}}, cls)

    def digest(self, table: str, part: str) -> str | None:
        """SHA-256 of a part as it was written; None where nobody knows."""
        return self.digests.get(f"{table}/{part}")


AnyRecord = TypeVar("AnyRecord", bound=Record)
UNREADABLE_RECORD = (ValueError, LookupError, TypeError, AttributeError, msgspec.ValidationError)
"""What reading a record raises that was cut short, or holds something else."""


def read_record(lake: Lake, source: str, key: str, kind: type[AnyRecord]) -> AnyRecord | None:
    """The record of a key, None where there is none; only looks, so it needs no lock.

    Raises:
        LakeDamaged: it cannot be read.
    """
    name = f"{key}.json"
    text = lake.read_record(source, name)
    if text is None:
        return None
    try:
        return kind.of(json.loads(text))
    except UNREADABLE_RECORD:
        raise LakeDamaged(f"{lake.name}/{source}/{name} cannot be read: {remedy(lake, source, name)}") from None


def read(lake: Lake, source: str, record: Record, table: str, schema: Schema) -> pl.DataFrame:
    """The rows of a table that count; meant for small tables."""
    parts = [lake.read(source, table, schema, part) for part in record.parts.get(table, [])]
    return pl.concat([pl.DataFrame(schema=schema), *parts])


def check_key(key: str) -> None:
    """Raise UsageError where a key cannot begin names of files, or could not be told from a key and a suffix."""
    if not _KEY.fullmatch(key) or _SUFFIX.search(key) or key == "reading":
        raise UsageError(f"'{key}' cannot be the name of a chain: use letters, digits and '-', like ethereum-sepolia.")


def key_of(part: str) -> str:
    """The key that a part's name begins with: `ethereum-sepolia` of `ethereum-sepolia-2024-05.7`."""
    return _SUFFIX.sub("", part.rsplit(".", 1)[0])


def remedy(lake: Lake, source: str, record: str) -> str:
    """What to do where a record or what it names is damaged."""
    again = f"`flowhouse ingest {source}` reads the chain again"
    return f"remove {lake.name}/{source}/{record}, then {again}, or restore both from a backup."


def records(lake: Lake, source: str) -> dict[str, Record | None]:
    """What each record of the source says of its parts, by name; None where it cannot be read. Needs no lock.

    A part may be gone once its key has been committed again: look again then.
    """
    found: dict[str, Record | None] = {}
    for name in lake.records(source):
        try:
            found[name] = Record.of(json.loads(lake.read_record(source, name) or ""))
        except UNREADABLE_RECORD:
            found[name] = None
    return found


def counted_parts(lake: Lake, source: str, table: str) -> list[str]:
    """Names of the parts of a table that count, over all keys of the source whose record can be read."""
    return sorted(part for record in records(lake, source).values() if record for part in record.parts.get(table, []))


def digests(lake: Lake, source: str) -> dict[tuple[str, str], str]:
    """SHA-256 of the parts that count, as they were written, by table and part."""
    return {
        (table, part): digest
        for record in records(lake, source).values()
        if record
        for table, names in record.parts.items()
        for part in names
        if (digest := record.digest(table, part))
    }


def collect_garbage(lake: Lake, source: str, schemas: Mapping[str, Schema], keys: Collection[str]) -> None:
    """Remove the parts of these keys that no record names, and what killed runs were writing."""
    for table in schemas:
        named = set(counted_parts(lake, source, table))
        left = [part for part in lake.parts(source, table) if key_of(part) in keys and part not in named]
        lake.remove(source, table, left)
        lake.remove_left_over(source, table)


class Ledger(Generic[AnyRecord]):
    """The parts of one key, to be read and written. Nothing written counts before `commit`.

    Attributes:
        record: which parts count, and what the ledger keeps of its chain.
    """

    def __init__(
        self,
        lake: Lake,
        source: str,
        key: str,
        schemas: Mapping[str, Schema],
        record: AnyRecord,
        former_key: str | None = None,
    ):
        """Open for writing: what an interrupted run left behind is removed.

        Args:
            key: begins the names of the parts and of the record.
            schemas: columns of each table.
            former_key: began the names of older parts, which keep them.

        Raises:
            UsageError: see `check_key`.
        """
        check_key(key)
        self._lake = lake
        self._source = source
        self._key = key
        self._schemas = schemas
        self._keys = [key] if former_key is None else [key, former_key]
        self._unsynced: list[tuple[str, str]] = []
        self._checked: set[tuple[str, str]] = set()
        self.record = record
        self._collect_garbage()

    def read(self, table: str, suffix: str | None = None) -> pl.DataFrame:
        """The rows of a table, or of its parts of a suffix; meant for small tables."""
        parts = [self._read_part(table, part) for part in self.names(table, suffix)]
        return pl.concat([pl.DataFrame(schema=self._schemas[table]), *parts])

    def names(self, table: str, suffix: str | None = None) -> list[str]:
        """Names of a table's parts, or of those of a suffix."""
        named = self.record.parts.get(table, [])
        return [part for part in named if suffix is None or self.suffix(part) == suffix]

    def suffix(self, part: str) -> str:
        """What a part's name says beyond key and generation, such as its month."""
        name = part.rsplit(".", 1)[0]
        for key in self._keys:
            name = name.removeprefix(key)
        return name

    def write(self, table: str, suffix: str, rows: pl.DataFrame) -> None:
        """Add a part."""
        self.record.generation += 1
        part = f"{self._key}{suffix}.{self.record.generation}{self._lake.files.mark}"
        self._lake.write(self._source, table, rows, part, is_synced=False)
        self.record.parts.setdefault(table, []).append(part)
        self.record.digests[f"{table}/{part}"] = self._digest(table, part)
        self._unsynced.append((table, part))
        self._checked.add((table, part))

    def replace(self, table: str, suffix: str, rows: pl.DataFrame) -> None:
        """Write a part in place of all of its suffix."""
        for part in self.names(table, suffix):
            self.record.parts[table].remove(part)
        self.write(table, suffix, rows)

    def rewrite(self, table: str, part: str, rows: pl.DataFrame) -> None:
        """Write other rows in place of one part's."""
        self.record.parts[table].remove(part)
        self.write(table, self.suffix(part), rows)

    def merge(
        self,
        table: str,
        suffix: str,
        rows: pl.DataFrame,
        arrange: Callable[[pl.DataFrame], pl.DataFrame],
        max_rows: int | None = None,
    ) -> None:
        """Add rows to a part of that suffix.

        Args:
            arrange: sorts or sums what is written.
            max_rows: rows a part may hold; where none has room another is begun.
        """
        part = next((part for part in self.names(table, suffix) if self._has_room(table, part, rows, max_rows)), None)
        if part is None:
            self.write(table, suffix, arrange(rows))
        else:
            self.rewrite(table, part, arrange(pl.concat([self._read_part(table, part), rows])))

    def commit(self) -> None:
        """Make what was written count, and remove what it replaced."""
        named = [(table, part) for table, parts in self.record.parts.items() for part in parts]
        self._lake.sync(self._source, {*self._unsynced} & {*named})
        self._unsynced = []
        self.record.digests = {
            f"{table}/{part}": self.record.digest(table, part) or self._digest(table, part) for table, part in named
        }
        self._lake.write_record(self._source, f"{self._key}.json", json.dumps(asdict(self.record), indent=1))
        self._collect_garbage()

    def _collect_garbage(self) -> None:
        collect_garbage(self._lake, self._source, self._schemas, self._keys)

    def scan_part(self, table: str, part: str) -> pl.LazyFrame:
        """The rows of a part, read only as far as a query needs."""
        self._check(table, part)
        return self._lake.scan(self._source, table, part)

    def check_parts(self) -> None:
        """Check that every part that counts is as it was written.

        Raises:
            LakeDamaged: one is not.
        """
        for table, parts in self.record.parts.items():
            for part in parts:
                self._check(table, part)

    def _check(self, table: str, part: str) -> None:
        """Check once that a part is as it was written, before anything is made of it.

        Raises:
            LakeDamaged: it is not.
        """
        written = self.record.digest(table, part)
        if (table, part) not in self._checked and (digest := self._digest(table, part)) != (written or digest):
            raise self._damaged(table, part, "is not what was written")
        self._checked.add((table, part))

    def _digest(self, table: str, part: str) -> str:
        digest = self._lake.digest(self._source, table, part)
        if digest is None:
            raise self._damaged(table, part, "is gone or cannot be read")
        return digest

    def _damaged(self, table: str, part: str, how: str) -> LakeDamaged:
        file = f"{self._lake.name}/{self._source}/{table}/{part}.parquet"
        return LakeDamaged(f"{file} {how}: {remedy(self._lake, self._source, f'{self._key}.json')}")

    def _read_part(self, table: str, part: str) -> pl.DataFrame:
        self._check(table, part)
        return self._lake.read(self._source, table, self._schemas[table], part)

    def _has_room(self, table: str, part: str, rows: pl.DataFrame, max_rows: int | None) -> bool:
        if max_rows is None:
            return True
        self._check(table, part)
        return self._lake.height(self._source, table, part) + rows.height <= max_rows
