"""Sheets of workbooks in Office Open XML (xlsx), as text by row."""

from datetime import date, datetime
from io import BytesIO
from zipfile import BadZipFile, ZipFile

from python_calamine import CalamineError, CalamineWorkbook

from ingestion.errors import PageRefused
from ingestion.formats import bounds

MAX_UNPACKED_BYTES = 100_000_000
"""Of all parts together: 3,200 days of a fund are 2 MB; a small file can unpack to gigabytes."""

ZIP = b"PK\x03\x04"


def is_workbook(content: bytes) -> bool:
    """Whether the bytes begin as a workbook does."""
    return content.startswith(ZIP)


def rows(content: bytes, sheet: str | None = None) -> list[list[str]]:
    """The cells of the sheet of that name, or the first: dates as 2025-12-22, whole numbers without a point, blank "".

    Raises:
        PageRefused: it is no whole workbook, is larger than any of a fund, or has no such sheet.
    """
    if not is_workbook(content):
        what = "HTML" if bounds.is_html(content) else "bytes that are no workbook"
        raise PageRefused(f"it has {what} instead of a workbook: look at the archived file, and fetch again later.")
    try:
        with ZipFile(BytesIO(content)) as parts:
            unpacked = sum(part.file_size for part in parts.infolist())
        if bounds.is_too_large(content) or unpacked > MAX_UNPACKED_BYTES:
            raise PageRefused(f"it unpacks to {unpacked:,} bytes, which no workbook of a fund has: look at the file.")
        book = CalamineWorkbook.from_filelike(BytesIO(content))
        if sheet is not None and sheet not in book.sheet_names:
            names = bounds.shown(", ".join(book.sheet_names))
            raise PageRefused(f'it has no sheet "{sheet}" but {names}: look at the workbook, its layout changed.')
        found = book.get_sheet_by_index(0) if sheet is None else book.get_sheet_by_name(sheet)
        return [[_text(cell) for cell in row] for row in found.to_python()]
    except (CalamineError, BadZipFile, NotImplementedError, ValueError, OSError) as error:
        why = bounds.shown(str(error))
        raise PageRefused(f"it is no whole workbook ({why}): look at the archived file, and fetch again.") from None


def _text(cell: object) -> str:
    if isinstance(cell, datetime):
        cell = cell.date()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return " ".join(str(cell).split())
