"""Workbooks made for tests."""

from collections.abc import Mapping, Sequence
from datetime import date
from io import BytesIO

import xlsxwriter


def workbook(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    """A workbook in Office Open XML: rows by sheet, dates as dates."""
    content = BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        as_date = book.add_format({"num_format": "mm/dd/yyyy"})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for at, row in enumerate(rows):
                for place, cell in enumerate(row):
                    if isinstance(cell, date):
                        sheet.write_datetime(at, place, cell, as_date)
                    else:
                        sheet.write(at, place, cell)
    return content.getvalue()
