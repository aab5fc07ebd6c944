"""Tables in parts that count once a record names them: how the lake keeps a chain.

    <lake>/<source>/<table>/<key><suffix>.<generation>.parquet     a part
    <lake>/<source>/<key>.json                                     the record

A part is never written again under its name. A killed run leaves parts that no record names; the next writer removes
them. Writers hold the home's lock.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, Self, TypeVar

import polars as pl

from ingestion.lake.tables import Lake, Schema


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


def collect_garbage(lake: Lake, source: str, schemas: Mapping[str, Schema]) -> None:
    """Remove the parts of a source's tables that none of its records names."""
    records = [json.loads(lake.read_record(source, name) or "{}") for name in lake.records(source)]
    for table in schemas:
        named = {part for record in records for part in _names(record).get(table, [])}
        for part in lake.parts(source, table):
            if part not in named:
                lake.remove(source, table, part)


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
        """Open for writing.

        Args:
            key: begins the names of the parts and of the record.
            schemas: columns of each table.
            former_key: began the names of older parts, which keep them.
        """
        self._lake = lake
        self._source = source
        self._key = key
        self._schemas = schemas
        self._keys = [key] if former_key is None else [key, former_key]
        self.record = record

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
        collect_garbage(self._lake, self._source, self._schemas)

    def _read_part(self, table: str, part: str) -> pl.DataFrame:
        return self._lake.read(self._source, table, self._schemas[table], part)

    def _has_room(self, table: str, part: str, rows: pl.DataFrame, max_rows: int | None) -> bool:
        return max_rows is None or self._lake.height(self._source, table, part) + rows.height <= max_rows


def _names(fields: Mapping[str, Any]) -> dict[str, list[str]]:
    """Names of parts by table; older records have their rows beside them."""
    return {table: list(parts) for table, parts in fields.get("parts", {}).items()}
