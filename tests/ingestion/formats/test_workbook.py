from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import PageRefused
from ingestion.formats import workbook
from tests.ingestion import workbooks

ROWS = (("Date", "Shares", "Note"), (date(2025, 12, 22), 212980100, " of  the day "), (None, 69.03))
MADE = workbooks.workbook({"Summary": [("x",)], "Days": ROWS})


def test_cells_are_text_as_a_person_would_write_them():
    assert workbook.rows(MADE, "Days") == [
        ["Date", "Shares", "Note"],
        ["2025-12-22", "212980100", "of the day"],
        ["", "69.03", ""],
    ]


def test_without_a_name_the_first_sheet_is_read():
    assert workbook.rows(MADE) == [["x"]]


def test_a_time_is_its_day():
    made = workbooks.workbook({"Days": [(datetime(2025, 12, 22, 16, 30),)]})
    assert workbook.rows(made, "Days") == [["2025-12-22"]]


def test_a_sheet_of_another_name_is_refused_with_the_names_there_are():
    with pytest.raises(PageRefused, match=r'no sheet "Historical" but .Summary, Days.'):
        workbook.rows(MADE, "Historical")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"<!DOCTYPE html><p>Moved", "HTML"),
        (b"\n<html lang='en'>", "HTML"),
        (b"", "no workbook"),
        (b"{}", "no workbook"),
    ],
)
def test_what_is_no_workbook_is_refused(content, what):
    with pytest.raises(PageRefused, match=f"it has .*{what}"):
        workbook.rows(content, "Days")


@given(st.integers(4, len(MADE) - 1))
def test_a_workbook_cut_short_is_refused(length):
    with pytest.raises(PageRefused, match="no whole workbook"):
        workbook.rows(MADE[:length], "Days")


@given(st.integers(4, len(MADE) - 1), st.integers(1, 255))
def test_a_workbook_with_a_wrong_byte_is_refused_or_read(at, by):
    content = bytearray(MADE)
    content[at] ^= by
    try:
        rows = workbook.rows(bytes(content), "Days")
    except PageRefused:
        return
    assert all(isinstance(cell, str) for row in rows for cell in row)


def test_a_small_file_that_unpacks_to_much_is_refused(monkeypatch):
    monkeypatch.setattr(workbook, "MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(PageRefused, match="unpacks to"):
        workbook.rows(MADE, "Days")
