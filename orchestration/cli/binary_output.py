"""Answers as Parquet and as workbooks, a few rows at a time: an answer may be larger than memory."""

import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from shutil import copyfileobj
from typing import TYPE_CHECKING

from ingestion import durable
from ingestion.errors import UsageError
from orchestration.cli.output import Row

if TYPE_CHECKING:
    from pyarrow import RecordBatchReader
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

WORKBOOK_ROWS = 1_048_575
"""What a sheet has below its heading."""
WORKBOOK_TEXT = 32_767
LEAST_TEXT = 10**15
"""Integers from here on are text: a spreadsheet's numbers have 15 digits."""
FIRST_DAY = date(1900, 3, 1)
"""Earlier days are text: spreadsheets count a 29 February 1900."""


def deliver(write: Callable[[Path], object], form: str, output: Path | None) -> None:
    """Write a file, whole or not at all, to a path or to standard output.

    Raises:
        UsageError: standard output is a terminal, or the file's folder is not there.
        OSError: it cannot be written.
    """
    if output:
        if not output.absolute().parent.is_dir():
            raise UsageError(f"There is no folder {output.absolute().parent}: make it, or name another file.")
        durable.replace(output, write)
        return
    if sys.stdout.isatty():
        raise UsageError(f"A terminal cannot show {form}: add `> answer.{form}`, or --output answer.{form}.")
    with tempfile.TemporaryDirectory(prefix="flowhouse-") as folder:
        file = Path(folder) / f"answer.{form}"
        write(file)
        sys.stdout.flush()
        with file.open("rb") as content:
            copyfileobj(content, sys.stdout.buffer)


def save_parquet(rows: "RecordBatchReader", file: Path) -> None:
    """Write rows as Parquet, compressed, with the types that they have.

    Raises:
        UsageError: a column's type is none that Parquet has.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetWriter(file, rows.schema, compression="zstd") as writer:
            for batch in rows:
                writer.write_batch(batch)
    except pa.ArrowNotImplementedError as error:
        types = ", ".join(f"{each.name} ({each.type})" for each in rows.schema)
        raise UsageError(f"Parquet has no type for a column ({error}): cast it to varchar. Columns: {types}.") from None


def save_workbook(columns: Sequence[str], rows: Iterable[Row], file: Path) -> None:
    """Write rows as one sheet, days and times as dates, numbers as numbers, and every text as text: none is a formula.

    Raises:
        UsageError: there are more rows, or a longer text, than a sheet has.
    """
    from xlsxwriter import Workbook

    with Workbook(file, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("answer")
        sheet.freeze_panes(1, 0)
        formats = _Formats(book)
        for place, name in enumerate(columns):
            sheet.set_column(place, place, max(len(name) + 2, 12))
            sheet.write_string(0, place, name, formats.heading)
        for number, row in enumerate(rows, 1):
            if number > WORKBOOK_ROWS:
                raise UsageError(f"A sheet has room for {WORKBOOK_ROWS:,} rows: add a limit, or use --format parquet.")
            for place, value in enumerate(row):
                _write_cell(sheet, number, place, value, formats)


class _Formats:
    """How cells look: a heading, days, times, and decimals with all their places."""

    def __init__(self, book):
        self._book = book
        self.heading: Format = book.add_format({"bold": True})
        self.day: Format = book.add_format({"num_format": "yyyy-mm-dd"})
        self.time: Format = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._decimals: dict[int, Format] = {}

    def decimal(self, places: int) -> "Format":
        if places not in self._decimals:
            form = "#,##0" + (f".{'0' * places}" if places else "")
            self._decimals[places] = self._book.add_format({"num_format": form})
        return self._decimals[places]


def _write_cell(sheet: "Worksheet", row: int, column: int, value: object, formats: _Formats) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, Decimal) and value.is_finite():
        places = -int(value.as_tuple().exponent)
        sheet.write_number(row, column, float(value), formats.decimal(max(places, 0)))
    elif isinstance(value, float | int) and abs(value) < (float("inf") if isinstance(value, float) else LEAST_TEXT):
        sheet.write_number(row, column, value)
    elif isinstance(value, datetime) and value.date() >= FIRST_DAY:
        sheet.write_datetime(row, column, _without_zone(value), formats.time)
    elif isinstance(value, date) and not isinstance(value, datetime) and value >= FIRST_DAY:
        sheet.write_datetime(row, column, datetime.combine(value, time()), formats.day)
    else:
        _write_text(sheet, row, column, str(value))


def _without_zone(moment: datetime) -> datetime:
    """The moment in UTC: spreadsheets know no zones."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _write_text(sheet: "Worksheet", row: int, column: int, text: str) -> None:
    if len(text) > WORKBOOK_TEXT:
        raise UsageError(
            f"A cell has room for {WORKBOOK_TEXT:,} characters, and a text in row {row:,} has {len(text):,}:"
            " shorten it, or use --format parquet."
        )
    sheet.write_string(row, column, text)
