"""Rows of derivatives, the same for every venue: open interest, funding and depth, from text as it was served."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import polars as pl

from ingestion.errors import PageRefused
from ingestion.formats import bounds

ASSETS = ("BTC", "ETH", "SOL", "XRP", "BNB", "DOGE", "ADA", "TON")
"""Whose perpetual contracts are asked for."""

INSTANT: pl.DataType = pl.Datetime("us")

Text = str | int | float | None
"""A figure or a time in JSON, which some write as text and some as a number."""

OPEN_INTEREST_KEY: dict[str, pl.DataType] = {
    "asset": pl.String(),
    "venue": pl.String(),
    "contract": pl.String(),
    "period_minutes": pl.Int32(),
    "snapshot_at": INSTANT,
    "value_date": pl.Date(),
}
"""A contract's snapshot, taken once in so many minutes; it counts for the day that has it or ends with it, in UTC."""
OPEN_INTEREST: dict[str, pl.DataType] = {
    "margin_kind": pl.String(),
    "open_interest_native": pl.Float64(),
    "open_interest_usd": pl.Float64(),
    "high_usd": pl.Float64(),
    "low_usd": pl.Float64(),
}
"""linear or inverse (null: a sum over both), coins, dollars, and the bounds of the dollars since the snapshot before;
what nobody says is null."""

FUNDING_KEY: dict[str, pl.DataType] = {
    "asset": pl.String(),
    "venue": pl.String(),
    "contract": pl.String(),
    "kind": pl.String(),
    "settled_at": INSTANT,
    "value_date": pl.Date(),
}
"""A rate that was settled, or indicated until then; it counts for the day that begins with it or has it, in UTC."""
FUNDING: dict[str, pl.DataType] = {"rate": pl.Float64(), "interval_hours": pl.Int32()}
"""A fraction of the position, paid by longs where it is positive; the hours that it is for, null where nobody says."""

MAX_JITTER = timedelta(minutes=1)
"""Between a settlement's hour and its stamp: up to 14 ms at Binance and 2 s at OKX were seen."""

HOURS = (1, 2, 4, 6, 8, 12, 24)
"""Intervals of funding that divide a day."""

NUMBER = rf"^-?[0-9][0-9.]{{0,{bounds.MAX_NUMBER_LENGTH}}}([eE][-+]?[0-9]{{1,2}})?$"
"""Java writes a zero of eight digits as 0E-8."""
TEXT_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-5][0-9]$"
MILLISECONDS, MICROSECONDS = r"^[0-9]{13}$", r"^[0-9]{16}$"
"""Of times from 2001 to 2286."""


class Table(NamedTuple):
    """The lines of one CSV, or the entries of one answer, as text by column.

    Attributes:
        name: of the CSV in its zip; empty for an answer.
    """

    name: str
    rows: pl.DataFrame


def read_csv(text: bytes, columns: Sequence[str]) -> pl.DataFrame:
    """The lines of a CSV as text, with its header or without.

    Raises:
        PageRefused: no line, another header, or a line with another number of fields.
    """
    try:
        lines = pl.read_csv(text, has_header=False, infer_schema=False, quote_char=None)
    except (pl.exceptions.PolarsError, UnicodeDecodeError):
        raise refused(f"lines that are not of {len(columns)} fields") from None
    # Polars fills up lines that are too short and refuses those that are too long for the first.
    if lines.width != len(columns) or text.count(b",") != lines.height * (lines.width - 1):
        raise refused(f"lines that are not of {len(columns)} fields")
    lines.columns = list(columns)
    first = [(field or "").strip().lower() for field in lines.row(0)]
    if not any(field[:1].isdigit() for field in first):
        if first != [*columns]:
            raise refused(f"the header {', '.join(first)[:100]}")
        lines = lines[1:]
    if lines.is_empty():
        raise refused("no line of figures")
    return lines


def read_json(content: bytes, type_: type[Any], max_bytes: int = bounds.MAX_BYTES) -> Any:
    """An answer of the type; fields that it does not name are skipped.

    Raises:
        PageRefused: it is none, as a page of HTML is not.
    """
    if len(content) > max_bytes:
        raise refused(f"more than {max_bytes} bytes")
    try:
        return msgspec.json.decode(content, type=type_, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise refused(f"no answer as documented ({bounds.shown(str(error))})") from None


def texts(type_: type[msgspec.Struct], entries: Sequence[msgspec.Struct]) -> pl.DataFrame:
    """Entries of an answer as text by field, as `read_csv` gives the lines of a CSV."""
    rows = [[None if value is None else str(value) for value in msgspec.structs.astuple(each)] for each in entries]
    return pl.DataFrame(rows, schema=dict.fromkeys(type_.__struct_fields__, pl.String()), orient="row")


def check_contracts(found: Iterable[str | None], expected: str) -> None:
    """Refuses rows of another contract.

    Raises:
        PageRefused: there is one.
    """
    if other := {(contract or "").strip() for contract in found} - {expected}:
        raise refused(f"rows of {bounds.shown(min(other))}, expected {expected}")


def figures(rows: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The rows with these columns as numbers; what is blank is null, never zero.

    Raises:
        PageRefused: a text that is no number.
    """
    texts = rows.with_columns(pl.col(columns).str.strip_chars().replace("", None))
    numbers = texts.with_columns(
        pl.when(pl.col(columns).str.contains(NUMBER)).then(pl.col(columns).cast(pl.Float64, strict=False))
    )
    for column in columns:
        lost = texts.filter(numbers[column].is_null() | ~numbers[column].is_finite())[column].drop_nulls()
        if not lost.is_empty():
            raise refused(f"{bounds.shown(lost[0])} as {column}, expected a number")
    return numbers


def instants(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """The rows with a column of milliseconds or microseconds since 1970 as UTC.

    Raises:
        PageRefused: a text that is neither.
    """
    texts = pl.col(column).str.strip_chars()
    since_1970 = texts.cast(pl.Int64, strict=False)
    found = rows.with_columns(
        pl.when(texts.str.contains(MILLISECONDS))
        .then(since_1970 * 1000)
        .when(texts.str.contains(MICROSECONDS))
        .then(since_1970)
        .cast(INSTANT)
        .alias(column)
    )
    _require(found[column], rows[column], "milliseconds since 1970")
    return found


def milliseconds(at: date | datetime) -> int:
    """Milliseconds from 1970 to a time, or to the start of a day, in UTC."""
    moment = datetime(at.year, at.month, at.day) if not isinstance(at, datetime) else at
    return (moment - datetime(1970, 1, 1)) // timedelta(milliseconds=1)


def text_instants(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """The rows with a column of texts such as "2025-10-10 21:23:04" as UTC.

    Raises:
        PageRefused: another text.
    """
    text = pl.col(column).str.strip_chars()
    at = text.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    found = rows.with_columns(pl.when(text.str.contains(TEXT_TIME)).then(at).alias(column))
    _require(found[column], rows[column], "a time such as 2025-10-10 21:23:04")
    return found


def nominal_hours(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """The rows with a column of times at their hour: settlements are stamped some milliseconds from it.

    Raises:
        PageRefused: a time more than a minute from any hour.
    """
    at, hour = pl.col(column), pl.col(column).dt.round("1h")
    found = rows.with_columns(pl.when((at - hour).abs() <= MAX_JITTER).then(hour).alias(column))
    _require(found[column], rows[column], "a time at an hour")
    return found


def open_interest(rows: pl.DataFrame, **constants: Any) -> pl.DataFrame:
    """Rows of snapshots, typed and in order; `constants` are the columns that are the same in all.

    Args:
        rows: `snapshot_at` and the columns that are not in `constants`; figures that neither has are null.

    Raises:
        PageRefused: a figure below zero, or a snapshot twice with different figures.
    """
    counts_for = (pl.col("snapshot_at") - pl.duration(microseconds=1)).dt.date()
    found = _typed(rows.with_columns(value_date=counts_for), OPEN_INTEREST_KEY, OPEN_INTEREST, constants)
    negative = found.filter((pl.col("open_interest_native") < 0) | (pl.col("open_interest_usd") < 0))
    if not negative.is_empty():
        raise refused(f"open interest below zero at {negative['snapshot_at'][0]}")
    return distinct(found, OPEN_INTEREST_KEY)


def funding(rows: pl.DataFrame, **constants: Any) -> pl.DataFrame:
    """Rows of settlements, typed and in order; `constants` are the columns that are the same in all.

    Args:
        rows: `settled_at`, near its hour, and the columns that are not in `constants`.

    Raises:
        PageRefused: a time that is near no hour, an interval that does not divide a day, or a settlement twice with
            different rates.
    """
    if "interval_hours" in rows.columns:
        stated = rows["interval_hours"].drop_nulls().cast(pl.Float64)
        if not (odd := stated.filter(~stated.is_in([float(hours) for hours in HOURS]))).is_empty():
            raise refused(f"a funding interval of {odd[0]:g} hours")
    rows = nominal_hours(rows, "settled_at").with_columns(value_date=pl.col("settled_at").dt.date())
    found = _typed(rows, FUNDING_KEY, FUNDING, constants)
    return distinct(found, FUNDING_KEY)


def distinct(rows: pl.DataFrame, key: Mapping[str, Any]) -> pl.DataFrame:
    """The rows in the order of their key, each once.

    Raises:
        PageRefused: two rows of one key with different values.
    """
    found = rows.unique().sort(*key)
    again = found.filter(found.select(*key).is_duplicated())
    if not again.is_empty():
        shown = " ".join(str(each) for each in again.select(*key).row(0))
        raise refused(f"{shown} twice with different figures")
    return found


def refused(what: str) -> PageRefused:
    """The refusal of a page for what it has."""
    return PageRefused(f"it has {what}: look at the archived file, and fetch again once it is fixed.")


def _typed(rows: pl.DataFrame, key: Mapping[str, Any], values: Mapping[str, Any], constants: Mapping[str, Any]):
    schema = {**key, **values}
    unsaid = dict.fromkeys(name for name in values if name not in rows.columns)
    return rows.with_columns(pl.lit(value).alias(name) for name, value in {**unsaid, **constants}.items()).select(
        pl.col(name).cast(type_) for name, type_ in schema.items()
    )


def _require(found: pl.Series, served: pl.Series, expected: str) -> None:
    lost = served.filter(found.is_null())
    if not lost.is_empty():
        raise refused(f"{bounds.shown(str(lost[0]))} as {served.name}, expected {expected}")
