"""The lake: typed Parquet, one folder per raw table, replaced whole and atomically; and observations from captures.

<root>/<source>/<table>/<table>.parquet
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from ingestion.archive import Capture

CAPTURES = "captures"
CAPTURE_SCHEMA = {
    "resource": pl.String,
    "file": pl.String,
    "url": pl.String,
    "fetched_at": pl.Datetime("us"),
    "sha256": pl.String,
    "origin": pl.String,
    "is_sample": pl.Boolean,
    "refusal": pl.String,
}


class Lake:
    """Raw tables below one folder. A table is one file of its name, or several, its parts."""

    def __init__(self, root: Path):
        self.root = root

    def has(self, source: str, table: str, part: str | None = None) -> bool:
        """Whether the table, or the part of it, has been written, be it without rows."""
        return self._path(source, table, part).exists()

    def read(self, source: str, table: str, schema: Mapping[str, pl.DataType], part: str | None = None) -> pl.DataFrame:
        """The rows; none, with `schema`, where nothing has been written yet."""
        path = self._path(source, table, part)
        return pl.read_parquet(path) if path.exists() else pl.DataFrame(schema=schema)

    def scan(self, source: str, table: str, part: str | None = None) -> pl.LazyFrame:
        """The rows, read no further than what is made of them needs."""
        return pl.scan_parquet(self._path(source, table, part))

    def write(self, source: str, table: str, rows: pl.DataFrame, part: str | None = None) -> None:
        """Replace the table or the part; a reader sees the old rows or the new ones, never a half of either."""
        path = self._path(source, table, part)
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".part")
        rows.write_parquet(half, compression="zstd")
        os.replace(half, path)

    def parts(self, source: str, table: str) -> list[str]:
        """Names of the table's parts."""
        return sorted(path.stem for path in (self.root / source / table).glob("*.parquet") if path.stem != table)

    def remove(self, source: str, table: str, part: str) -> None:
        """Remove a part."""
        self._path(source, table, part).unlink(missing_ok=True)

    def write_record(self, source: str, name: str, text: str) -> None:
        """Replace a small record beside a source's tables."""
        path = self.root / source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".part")
        half.write_text(text)
        os.replace(half, path)

    def read_record(self, source: str, name: str) -> str | None:
        """A record's text; None where there is none."""
        path = self.root / source / name
        return path.read_text() if path.exists() else None

    def records(self, source: str) -> list[str]:
        """Names of the records beside a source's tables."""
        return sorted(path.name for path in (self.root / source).glob("*.json"))

    def files(self) -> list[Path]:
        """Every Parquet file, in a fixed order: what a build reads, for its fingerprint."""
        return sorted(self.root.glob("*/*/*.parquet"))

    def _path(self, source: str, table: str, part: str | None) -> Path:
        return self.root / source / table / f"{part or table}.parquet"


def observation_schema(key: Mapping[str, pl.DataType]) -> dict[str, pl.DataType]:
    """Columns of a table of observations whose cells are named by `key`."""
    return {
        **key,
        "observed_at": pl.Datetime("us"),
        "raw_text": pl.String,
        "value": pl.Float64,
        "archive_sha256": pl.String,
    }


def newest_state(observations: pl.DataFrame, key: Iterable[str]) -> pl.DataFrame:
    """The last observation of each cell."""
    return observations.sort("observed_at").unique([*key], keep="last", maintain_order=True)


def observe(stored: pl.DataFrame, pages: Iterable[tuple[Capture, pl.DataFrame]], key: Iterable[str]) -> pl.DataFrame:
    """The observations that `pages` add to `stored`: one row per change of a cell, at the time it was first seen.

    The state of a cell nobody has seen is blank, so a blank cell adds no row until it held something; then it adds
    one with neither raw_text nor value. What a page does not show says nothing. Two captures of the same second count
    as one, the greater sha256 prevailing. Provided every page is newer than `stored`, the result does not depend on
    how the captures are divided into calls.

    Args:
        stored: earlier observations, of `observation_schema(key)`.
        pages: captures with their frames: key columns, raw_text, value.
        key: the columns that name a cell.
    """
    key = list(key)
    columns = stored.columns
    seen = [
        page.with_columns(
            observed_at=pl.lit(capture.fetched_at, pl.Datetime("us")), archive_sha256=pl.lit(capture.sha256)
        )
        for capture, page in pages
    ]
    if not seen:
        return stored.clear()
    read = (
        pl.concat([frame.select(columns) for frame in seen])
        .sort("observed_at", "archive_sha256")
        .unique([*key, "observed_at"], keep="last", maintain_order=True)
    )
    states = pl.concat(
        [
            newest_state(stored, key).with_columns(is_new=pl.lit(False)),
            read.with_columns(is_new=pl.lit(True)),
        ]
    ).sort(*key, "observed_at")
    value_before, text_before = (pl.col(name).shift(1).over(key) for name in ("value", "raw_text"))
    # Texts count only where there is no number: "100" and "100.0" are the same figure.
    differs = pl.col("value").ne_missing(value_before) | (
        pl.col("value").is_null() & pl.col("raw_text").ne_missing(text_before)
    )
    return states.filter("is_new", differs).select(columns).sort("observed_at", *key)
