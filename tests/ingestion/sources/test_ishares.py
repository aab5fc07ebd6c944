import csv
import time
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.sources import ishares

HEADER = ("As Of", "NAV per Share", "Ex-Dividends", "Shares Outstanding")
FRIDAY = ("Jan 05, 2024", "25.125", "--", "1000000")
MONDAY = ("Jan 08, 2024", "26.5", "--", "1200000")


def cell(text, **attributes):
    placed = "".join(f' ss:{name}="{value}"' for name, value in attributes.items())
    return f'<ss:Cell{placed}><ss:Data ss:Type="String">{text}</ss:Data></ss:Cell>'


def row(texts):
    """A row from texts, or from cells made by `cell`."""
    return f"<ss:Row>{''.join(text if text.startswith('<') else cell(text) for text in texts)}</ss:Row>"


def sheet(*rows, name="Historical"):
    return f'<ss:Worksheet ss:Name="{name}"><ss:Table>{"".join(map(row, rows))}</ss:Table></ss:Worksheet>'


def workbook(*rows, sheets=None, prolog="", styles="<ss:Styles/>"):
    """A fund workbook as iShares writes it: with a byte order mark, and ampersands left as they are."""
    sheets = sheets or sheet(HEADER, *rows)
    return (
        f'\ufeff<?xml version="1.0"?>\n{prolog}<ss:Workbook xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">'
        f"{styles}{sheet(('Made Trust LLC & affiliates &reg;',), name='Holdings')}{sheets}</ss:Workbook>"
    ).encode()


def cells(content, resource="IBIT"):
    return ishares.frame(ishares.parse(content), resource)


def figures(content):
    """(raw_text, value) by (day, metric)."""
    return {(day, metric): (text, value) for _, _, day, metric, text, value in cells(content).iter_rows()}


def test_a_day_becomes_two_cells():
    found = cells(workbook(MONDAY, FRIDAY), "ETHA")
    assert found.schema == ishares.SOURCE.key | {"raw_text": pl.String, "value": pl.Float64}
    assert found.rows() == [
        ("ETH", "ETHA", date(2024, 1, 8), "nav_usd", "26.5", 26.5),
        ("ETH", "ETHA", date(2024, 1, 8), "shares_outstanding", "1200000", 1_200_000.0),
        ("ETH", "ETHA", date(2024, 1, 5), "nav_usd", "25.125", 25.125),
        ("ETH", "ETHA", date(2024, 1, 5), "shares_outstanding", "1000000", 1_000_000.0),
    ]


def test_columns_are_found_by_name_below_a_title():
    rows = [
        ("History of the trust",),
        ("Shares Outstanding", "Premium", "As Of", "NAV per Share"),
        ("7", "1", "Jan 05, 2024", "2.5"),
    ]
    assert [*figures(workbook(sheets=sheet(*rows))).values()] == [("2.5", 2.5), ("7", 7.0)]


@pytest.mark.parametrize("name", ishares.COLUMNS)
@pytest.mark.parametrize("new_name", ["Something", ""])
def test_a_renamed_column_is_named(name, new_name):
    header = [new_name if text == name else text for text in HEADER]
    with pytest.raises(PageRefused, match=f'0 columns "{name}"'):
        ishares.parse(workbook(sheets=sheet(header, FRIDAY)))


def test_a_column_stated_twice_is_refused():
    with pytest.raises(PageRefused, match='2 columns "NAV per Share"'):
        ishares.parse(workbook(sheets=sheet((*HEADER, "NAV per Share"), (*FRIDAY, "9"))))


def test_cells_left_out_do_not_move_the_others():
    skipping = ("Jan 05, 2024", cell("1000000", Index=4))
    assert [*figures(workbook(skipping)).values()] == [(None, None), ("1000000", 1_000_000.0)]
    merged = ("Jan 05, 2024", cell("25.125", MergeAcross=1), "1000000")
    assert [*figures(workbook(merged)).values()] == [("25.125", 25.125), ("1000000", 1_000_000.0)]


def test_a_cell_placed_nowhere_is_refused():
    with pytest.raises(PageRefused, match="placed at '-1'"):
        ishares.parse(workbook(("Jan 05, 2024", cell("5", Index=-1))))


def test_dashes_and_missing_cells_are_blank():
    found = figures(workbook(("Jan 05, 2024", "--", "--", "--"), ("Jan 08, 2024", "26.5")))
    assert [*found.values()] == [(None, None), (None, None), ("26.5", 26.5), (None, None)]


def test_empty_rows_are_not_days():
    assert len(ishares.parse(workbook(FRIDAY, ("", "--"), ()))) == 1


@pytest.mark.parametrize("content", [workbook(), workbook(("",)), workbook(sheets=sheet())])
def test_a_sheet_without_days_is_refused(content):
    with pytest.raises(PageRefused):
        ishares.parse(content)


def test_a_workbook_needs_its_sheet_once():
    with pytest.raises(PageRefused, match='0 sheets "Historical"'):
        ishares.parse(workbook(sheets=sheet(HEADER, FRIDAY, name="Historic")))
    with pytest.raises(PageRefused, match='2 sheets "Historical"'):
        ishares.parse(workbook(sheets=sheet(HEADER, FRIDAY) * 2))


@pytest.mark.parametrize(
    "content", [b"<!DOCTYPE html><p>Moved", b"\n<HTML lang='en'><body>Challenge", b"<?xml version='1.0'?><html/>"]
)
def test_html_is_refused_as_html(content):
    with pytest.raises(PageRefused, match="answered HTML, expected a workbook"):
        ishares.parse(content)


@pytest.mark.parametrize("content", [b"", b'{"error": 1}', b"\xd0\xcf\x11\xe0 an older xls", b"<xml/>"])
def test_what_is_no_workbook_is_refused(content):
    with pytest.raises(PageRefused):
        ishares.parse(content)


@given(st.integers(1, len(workbook(MONDAY, FRIDAY)) - 1))
def test_a_workbook_cut_short_is_refused(length):
    with pytest.raises(PageRefused):
        ishares.parse(workbook(MONDAY, FRIDAY)[:length])


def test_a_document_type_is_refused_and_no_entity_is_expanded():
    with pytest.raises(PageRefused, match="a document type"):
        ishares.parse(workbook(FRIDAY, prolog="<!DOCTYPE w>"))
    entity = '<!DOCTYPE w [<!ENTITY nav "25.125">]>'
    with pytest.raises(PageRefused):
        cells(workbook(("Jan 05, 2024", "&nav;", "--", "1"), prolog=entity))


def test_ampersands_are_text():
    with pytest.raises(PageRefused, match=r"'R&D' on Jan 05, 2024"):
        cells(workbook(("Jan 05, 2024", "R&D", "--", "1")))
    with pytest.raises(PageRefused, match=r"'R&D' on Jan 05, 2024"):
        cells(workbook(("Jan 05, 2024", "R&amp;D", "--", "1")))


def test_styles_closed_by_the_wrong_name_do_no_harm():
    styles = '<ss:Styles><ss:Style ss:ID="Default"></Style></ss:Styles>'
    assert cells(workbook(FRIDAY, styles=styles)).equals(cells(workbook(FRIDAY)))


def test_a_comment_is_not_a_figure():
    commented = "<ss:Cell><ss:Comment><ss:Data>1</ss:Data></ss:Comment><ss:Data>25<!-- 9 -->.5</ss:Data></ss:Cell>"
    assert figures(workbook(("Jan 05, 2024", commented)))[date(2024, 1, 5), "nav_usd"] == ("25.5", 25.5)


@pytest.mark.parametrize("nav", ["0", "-25.1", "25,1", "n/a", "NaN", "Infinity", "1_000", "25.1 *", "1E999"])
def test_a_nav_that_is_no_price_is_refused(nav):
    with pytest.raises(PageRefused, match="on Jan 05, 2024, expected a NAV above zero"):
        cells(workbook(("Jan 05, 2024", nav, "--", "1000000")))


@pytest.mark.parametrize("shares", ["-1", "1000.5", "1E-2", "many", "1,00"])
def test_a_count_that_is_no_count_is_refused(shares):
    with pytest.raises(PageRefused, match="on Jan 05, 2024, expected a whole share count"):
        cells(workbook(("Jan 05, 2024", "25.125", "--", shares)))


@pytest.mark.parametrize("shares", ["1360680000", "1,360,680,000", "1360680000.00", "1.36068E9", "1.36068E+9"])
def test_a_count_is_read_however_it_is_written(shares):
    assert figures(workbook(("Jan 05, 2024", "25", "--", shares)))[date(2024, 1, 5), "shares_outstanding"] == (
        shares,
        1_360_680_000.0,
    )


@pytest.mark.parametrize(
    "as_of", ["", "2024-01-05", "05/01/2024", "Okt 05, 2024", "Feb 30, 2024", "Total", "Jan 05, 24"]
)
def test_a_day_that_is_no_day_is_refused(as_of):
    with pytest.raises(PageRefused, match="expected a day like"):
        cells(workbook((as_of, "25.125", "--", "1000000")))


@given(st.dates(date(2024, 1, 1), date(2030, 12, 31)), st.decimals("0.0001", 999, places=6), st.integers(0, 10**12))
def test_figures_come_back_exactly(day, nav, shares):
    as_of = f"{ishares.MONTHS[day.month - 1]} {day.day}, {day.year}"
    content = workbook((as_of, str(f"{nav:f}"), "--", f"{shares:,}"))
    assert cells(content).select("value_date", "value").rows() == [(day, float(nav)), (day, float(shares))]


def test_a_day_served_twice_counts_once_when_identical():
    assert cells(workbook(FRIDAY, FRIDAY)).equals(cells(workbook(FRIDAY)))
    other = ("Jan 5, 2024", "25.125", "--", "1000001")
    with pytest.raises(PageRefused, match="Jan 5, 2024 twice with different figures"):
        cells(workbook(FRIDAY, other))


@pytest.mark.parametrize(("resource", "portfolio_id"), [("IBIT", "333011"), ("ETHA", "337614"), ("ETHB", "348532")])
def test_fetch_asks_for_the_fund_even_when_held(resource, portfolio_id):
    class Publisher:
        def get(self, url):
            return Served(url, b"", datetime(2024, 1, 9))

    first = [served.url for served in ishares.fetch(Publisher(), resource, frozenset(), date(2024, 1, 9))]
    assert f"&portfolioId={portfolio_id}&" in first[0]
    assert [served.url for served in ishares.fetch(Publisher(), resource, frozenset(first), date(2024, 1, 10))] == first


def named(fund, *rows):
    """A workbook whose first sheet names its fund."""
    return workbook(
        sheets=sheet((fund,), ("iShares Delaware Trust Sponsor LLC",), name="Key Facts") + sheet(HEADER, *rows)
    )


@pytest.mark.parametrize(
    ("fund", "resource"),
    [
        ("iShares Bitcoin Trust ETF", "ETHA"),
        ("iShares Ethereum Trust ETF", "IBIT"),
        ("iShares Staked Ethereum Trust ETF", "ETHA"),
        ("iShares Ethereum Trust ETF", "ETHB"),
    ],
)
def test_a_workbook_that_names_another_fund_is_refused(fund, resource):
    with pytest.raises(PageRefused, match=f"a workbook of '{fund}' as that of {resource}"):
        cells(named(fund, MONDAY), resource)


@pytest.mark.parametrize(
    ("fund", "resource"), [("iShares Bitcoin Trust", "IBIT"), ("iShares Ethereum Trust ETF", "ETHA")]
)
def test_a_workbook_that_names_its_fund_is_read(fund, resource):
    assert cells(named(fund, MONDAY), resource).height == 2


def test_three_days_before_a_fund_began_are_another_funds():
    days = [(f"Jun {day}, 2024", "25.5", "--", "400000") for day in (20, 21, 24)]
    assert cells(workbook(*days), "ETHA").height == 6
    with pytest.raises(PageRefused, match="3 days before ETHA began on 2024-06-24"):
        cells(workbook(("Jun 18, 2024", "25.5", "--", "400000"), *days), "ETHA")


def test_inceptions_are_those_of_the_seed():
    seed = Path(__file__).parents[3] / "dbt_project" / "seeds" / "facts_funds.csv"
    dates = {row["ticker"]: row["inception_date"] for row in csv.DictReader(seed.read_text().splitlines())}
    assert {ticker: dates[ticker] for ticker in ishares.INCEPTIONS} == {
        ticker: day.isoformat() for ticker, day in ishares.INCEPTIONS.items()
    }


def test_days_that_run_neither_up_nor_down_are_refused():
    first, second, third = ((f"Feb 0{day}, 2024", "25.5", "--", "7") for day in (5, 6, 7))
    assert cells(workbook(first, second, third)).height == cells(workbook(third, second, first)).height == 6
    with pytest.raises(PageRefused, match="neither up nor down"):
        cells(workbook(first, third, second))


@pytest.mark.parametrize("place", [1, 3])
def test_a_number_of_5000_digits_is_refused_in_a_short_sentence(place):
    texts = [*FRIDAY]
    texts[place] = "9" * 5000
    with pytest.raises(PageRefused, match="expected a") as refusal:
        cells(workbook(texts))
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("junk", [b"<ss:Styles>", b"&", b"<a>", b"x", b"\n", b"<ss:Row/>"])
def test_40_mb_of_junk_cost_little(junk):
    started = time.process_time()
    for size in (40_000_000, 4_900_000):
        with pytest.raises(PageRefused):
            ishares.parse(junk * (size // len(junk)))
    assert time.process_time() - started < 10
