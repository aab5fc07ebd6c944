"""Observations from captures: one row per change of a cell, with the time it was first seen."""

from collections.abc import Iterable, Mapping
from typing import Literal

import polars as pl

from ingestion.archive import Capture
from ingestion.lake import parts
from ingestion.lake.tables import UNREADABLE, Lake

CAPTURES, FINDINGS = "captures", "findings"
TOTAL = "TOTAL"
"""Stands in a ticker's place for the sum that a publisher prints: a running one, so that it is never early."""

Verdict = Literal["read", "refused", "damaged", "held", "left", "rejected"]
"""What became of a capture: read; not to be trusted as a page, or not as it was stored; held back for what it would
change; left out for what others say, since it came late or turned out wrong after it was read; or rejected by somebody.
"""

CAPTURE_SCHEMA = {
    "resource": pl.String,
    "file": pl.String,
    "url": pl.String,
    "fetched_at": pl.Datetime("us"),
    "sha256": pl.String,
    "origin": pl.String,
    "verdict": pl.String,
    "refusal": pl.String,
}
FINDING_SCHEMA = {
    "kind": pl.String,
    "asset": pl.String,
    "ticker": pl.String,
    "value_date": pl.Date,
    "detail": pl.String,
    "observed_at": pl.Datetime("us"),
    "archive_sha256": pl.String,
}


CELL: Mapping[str, pl.DataType] = {"raw_text": pl.String(), "value": pl.Float64()}
"""What a cell holds: its text as published, and its number."""


def observation_schema(
    key: Mapping[str, pl.DataType], values: Mapping[str, pl.DataType] = CELL
) -> dict[str, pl.DataType]:
    """Columns of a table of observations whose cells, or rows of some values, are named by `key`."""
    return {**key, "observed_at": pl.Datetime("us"), **values, "archive_sha256": pl.String()}


def read_log(lake: Lake, source: str) -> pl.DataFrame:
    """The captures of a source and what became of them; former logs have other columns and no verdict."""
    if names := parts.counted_parts(lake, source, CAPTURES):  # of a source that has a log per resource
        return pl.concat([lake.read(source, CAPTURES, CAPTURE_SCHEMA, name) for name in names])
    log = lake.read(source, CAPTURES, CAPTURE_SCHEMA)
    if "verdict" not in log.columns:
        is_read = pl.col("refusal").is_null()
        log = log.with_columns(verdict=pl.when(is_read).then(pl.lit("read")).otherwise(pl.lit("refused")))
    return log.select(*CAPTURE_SCHEMA)


def read_log_if_readable(lake: Lake, source: str) -> pl.DataFrame:
    """The log as `read_log` gives it; empty where its file is no log."""
    try:
        return read_log(lake, source)
    except UNREADABLE:
        return pl.DataFrame(schema=CAPTURE_SCHEMA)


def newest_state(observations: pl.DataFrame, key: Iterable[str]) -> pl.DataFrame:
    """The last observation of each cell."""
    return observations.sort("observed_at").unique([*key], keep="last", maintain_order=True)


def observe(
    stored: pl.DataFrame,
    pages: Iterable[tuple[Capture, pl.DataFrame]],
    key: Iterable[str],
    closes: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The observations that `pages` add to `stored`: one row per change of a cell, at the time it was first seen.

    The state of a cell nobody has seen is blank, so a blank cell adds no row until it held something; then it adds
    one with neither raw_text nor value. What a page does not show says nothing. Two captures of the same second count
    as one, the greater sha256 prevailing. Provided every page is newer than `stored`, the result does not depend on
    how the captures are divided into calls.

    Args:
        stored: earlier observations, of `observation_schema(key)`.
        pages: captures with their frames: key columns, raw_text, value.
        key: the columns that name a cell.
        closes: `value_date` and `closes_at`, where a fund's figure is seen anew by the first capture after the close of
            its day that still shows it: before, it is no report.
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
    # Texts count only where the number does not tell: "100" and "100.0" are the same figure, while a double takes whole
    # numbers past 2^53, such as satoshi moved since 2009, for their neighbours.
    is_vague = pl.col("value").is_null() | (pl.col("value").abs() >= 2**53)
    differs = pl.col("value").ne_missing(value_before) | (is_vague & pl.col("raw_text").ne_missing(text_before))
    if closes is not None:
        states = states.join(closes, on="value_date", how="left", maintain_order="left")
        is_report = pl.col("value").is_null() | (pl.col("ticker") == TOTAL)
        is_early = ~is_report & (pl.col("observed_at") < pl.col("closes_at"))
        differs |= ~is_early & pl.col("value").is_not_null() & is_early.shift(1).over(key)
    return states.filter("is_new", differs).select(columns).sort("observed_at", *key)


def observe_rows(
    stored: pl.DataFrame, rows: pl.DataFrame, capture: Capture, key: Iterable[str], values: Iterable[str]
) -> pl.DataFrame:
    """The observations that a capture adds to `stored`: its rows of which a value is new or another than before.

    What a page does not show says nothing. No observation of `stored` is as new as the capture.

    Args:
        stored: earlier observations of these keys: key, observed_at, values, archive_sha256.
        rows: what the capture says: key and values.
    """
    key, values = list(key), list(values)
    seen = rows.with_columns(
        observed_at=pl.lit(capture.fetched_at, pl.Datetime("us")), archive_sha256=pl.lit(capture.sha256)
    ).select(stored.columns)
    before = newest_state(stored, key).select(*key, pl.struct(values).alias("before"))
    differs = pl.col("before").is_null() | pl.struct(values).ne_missing(pl.col("before"))
    return seen.join(before, on=key, how="left").filter(differs).select(stored.columns)
