from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import PageRefused
from ingestion.formats import daily_csv

COLUMNS = ("date", "a", "b")


def file(*lines, end="\n"):
    return "".join(line + end for line in ("date,a,b", *lines)).encode()


def figures(content):
    return daily_csv.figures(daily_csv.parse(content, COLUMNS), COLUMNS)


DAYS = st.dictionaries(
    st.dates(date(1, 1, 1)), st.tuples(*[st.decimals(0, 10**12, allow_nan=False, places=8)] * 2), min_size=1, max_size=9
)


@given(DAYS, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_any_figures_come_back_exactly(days, end, has_mark):
    content = file(*(f"{day},{a:f},{b:f}" for day, (a, b) in days.items()), end=end)
    assert {day: found.numbers for day, found in figures(b"\xef\xbb\xbf" * has_mark + content).items()} == days


@pytest.mark.parametrize("text", ["0", "1.", "1.5e3", "0001", "3682034.0", "12345678.123456789"])
def test_a_number_keeps_its_text(text):
    assert figures(file(f"2025-01-02,{text},0"))[date(2025, 1, 2)] == ((text, "0"), (Decimal(text), Decimal(0)))


@pytest.mark.parametrize(
    "content", [file("2025-01-02,1,2", ""), file("2025-01-02,1,2", "  ,,", ""), file('"2025-01-02", 1 ,"2"')]
)
def test_blank_lines_spaces_and_quotes_do_no_harm(content):
    assert figures(content) == figures(file("2025-01-02,1,2"))


@pytest.mark.parametrize("content", [b"\xff\xfe", "date,a,b\n2025-01-02,1,\N{NO-BREAK SPACE}".encode("latin-1")])
def test_what_is_not_text_in_utf_8_is_refused(content):
    with pytest.raises(PageRefused, match="it is not a CSV in UTF-8"):
        figures(content)


def test_an_endless_field_is_refused():
    with pytest.raises(PageRefused, match="it is not a CSV"):
        figures(b"date,a," + b"b" * 200_000)


@pytest.mark.parametrize("header", ["", "date,b,a", "date,a", "date,a,b,c", "2025-01-02,1,2", "date;a;b", "<html>"])
def test_another_header_is_refused(header):
    with pytest.raises(PageRefused, match=r"first line is '.*', expected 'date,a,b'"):
        figures(f"{header}\n2025-01-02,1,2\n".encode())


def test_a_file_without_a_day_is_refused():
    with pytest.raises(PageRefused, match="it has no day"):
        figures(file(""))


@pytest.mark.parametrize(("line", "fields"), [("2025-01-02,1", 2), ("2025-01-02,1,2,3", 4), ("2025-01-02", 1)])
def test_every_line_has_the_fields_of_the_header(line, fields):
    with pytest.raises(PageRefused, match=f"the line of '2025-01-02' has {fields} fields, expected 3"):
        figures(file(line))


@pytest.mark.parametrize(
    "day", ["", "2025-02-29", "20250102", "2025-W01-4", "02.01.2025", "2025-01-02T00:00", "٢٠٢٥-01-02"]
)
def test_a_day_that_does_not_parse_is_refused(day):
    with pytest.raises(PageRefused, match=f"expected a day like 2025-11-04, got '{day}'"):
        figures(file("2025-01-01,1,2", f"{day},1,2"))


@pytest.mark.parametrize(
    "text", ["", "-1", "-0.5", "+1", "NaN", "inf", "1_000", "1 000", "٣", "1e999", "0x1", "9" * 31]
)
def test_a_number_that_does_not_parse_or_is_negative_is_refused(text):
    with pytest.raises(PageRefused, match=r"b on 2025-01-02 is '.*', expected a number of at least 0"):
        figures(file(f"2025-01-02,1,{text}"))


def test_a_day_that_stands_there_twice_counts_once_when_its_numbers_agree():
    assert figures(file("2025-01-02,1,2", "2025-01-02,1.0,2")) == figures(file("2025-01-02,1,2"))
    with pytest.raises(PageRefused, match="it has 2025-01-02 twice with different figures"):
        figures(file("2025-01-02,1,2", "2025-01-03,1,2", "2025-01-02,1,3"))


def test_a_refusal_says_what_to_do():
    with pytest.raises(PageRefused, match=r"fix the file, then ingest it again\.$"):
        figures(b"")
