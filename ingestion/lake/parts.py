"""Tables in parts that count once a record names them: how the lake keeps a chain.

    <lake>/<source>/<table>/<key><suffix>.<generation>.parquet     a part
    <lake>/<source>/<key>.json                                     the record

A part is never written again under its name, and is removed only after a commit that no longer names it. A killed run
leaves parts that no record names; the next writer of the key removes them. A writer holds the lock of its key, and
touches no part of another one, which may be in the middle of being written.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, Self, TypeVar

import polars as pl

from ingestion.errors import UsageError
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
    """

    generation: int = 0
    parts: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Self:
        """A record from its fields as they stand in the lake; a field that records no longer have is left out."""
        known: dict[str, Any] = {name: value for name, value in fields.items() if name in cls.__dataclass_fields__}
        known["parts"] = _names(fields)
        return cls(**known)


AnyRecord = TypeVar("AnyRecord", bound=Record)


def read_record(lake: Lake, source: str, key: str, kind: type[AnyRecord]) -> AnyRecord | None:
    """The record of a key, None where there is none; only looks, so it needs no lock."""
    text = lake.read_record(source, f"{key}.json")
    return None if text is None else kind.of(json.loads(text))


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


def counted_parts(lake: Lake, source: str, table: str) -> list[str]:
    """Names of the parts of a table that count, over all keys of the source; only looks, so it needs no lock.

    A part may be gone once its key has been committed again: look again then.
    """
    return sorted(part for record in _records(lake, source) for part in _names(record).get(table, []))


def collect_garbage(lake: Lake, source: str, schemas: Mapping[str, Schema], keys: Collection[str]) -> None:
    """Remove the parts of these keys that no record names, and what was written by half."""
    for table in schemas:
        named = set(counted_parts(lake, source, table))
        for part in lake.parts(source, table):
            if key_of(part) in keys and part not in named:
                lake.remove(source, table, part)
        lake.remove_half_written(source, table, lambda part: key_of(part) in keys)


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
        part = f"{self._key}{suffix}.{self.record.generation}"
        self._lake.write(self._source, table, rows, part)
        self.record.parts.setdefault(table, []).append(part)

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
        self._lake.write_record(self._source, f"{self._key}.json", json.dumps(asdict(self.record), indent=1))
        self._collect_garbage()

    def _collect_garbage(self) -> None:
        collect_garbage(self._lake, self._source, self._schemas, self._keys)

    def _read_part(self, table: str, part: str) -> pl.DataFrame:
        return self._lake.read(self._source, table, self._schemas[table], part)

    def _has_room(self, table: str, part: str, rows: pl.DataFrame, max_rows: int | None) -> bool:
        return max_rows is None or self._lake.height(self._source, table, part) + rows.height <= max_rows


def _records(lake: Lake, source: str) -> list[dict[str, Any]]:
    return [json.loads(lake.read_record(source, name) or "{}") for name in lake.records(source)]


def _names(fields: Mapping[str, Any]) -> dict[str, list[str]]:
    """Names of parts by table; older records have their rows beside them."""
    return {table: list(parts) for table, parts in fields.get("parts", {}).items()}
