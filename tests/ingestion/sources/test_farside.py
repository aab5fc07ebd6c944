"""Farside's flow table on pages made by the tests: every quirk of the real ones, and every reason to refuse one."""

import re
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from html import escape

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.archive import Served
from ingestion.errors import FetchFailed, PageRefused
from ingestion.sample.pages import flow_page
from ingestion.sources import farside

MONDAY = date(2025, 11, 3)
TUESDAY, WEDNESDAY = MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)
FUNDS = ["IBIT", "BTCW", "GBTC"]
ROWS = [
    (MONDAY, ["1186.4", "-2.5", None], "1183.9"),
    (TUESDAY, ["-1119.9", "0.0", "0.1"], "-1119.8"),
    (WEDNESDAY, [None, None, None], "0.0"),
]
SHORT = [("BlackRock", "0.25%"), ("WisdomTree", "0.25%"), ("Grayscale & Co", "1.50%")]
ALL_DATA, SHORT_PAGE = flow_page(FUNDS, ROWS), flow_page(FUNDS, ROWS, SHORT)


def edited(old, new, content=ALL_DATA):
    """The page with its one occurrence of `old` replaced."""
    assert content.count(old.encode()) == 1
    return content.replace(old.encode(), new.encode())


def row(*texts, tag="td", is_closed=True):
    cells = "".join(f"<{tag}>{text}</{tag}>" for text in texts)
    return f"<tr>{cells}</tr>" if is_closed else f"<tr>{cells}"


def with_row(*texts, content=ALL_DATA, **how):
    """The page with one row more, after the days."""
    return edited(
        '<tr><td><span class="tabletext">Total', f'{row(*texts, **how)}<tr><td><span class="tabletext">Total', content
    )


def texts(content):
    """The text of every cell: {(ticker, day): text}."""
    return {(cell.ticker, cell.day): cell.text for cell in farside.parse(content)}


def frame(content, resource="btc_all"):
    return farside.frame(farside.parse(content), resource)


def refusal(content):
    with pytest.raises(PageRefused) as refused:
        frame(content)
    return str(refused.value)


EXPECTED = {
    ("IBIT", MONDAY): "1,186.4",
    ("BTCW", MONDAY): "(2.5)",
    ("GBTC", MONDAY): "-",
    ("TOTAL", MONDAY): "1,183.9",
    ("IBIT", TUESDAY): "(1,119.9)",
    ("BTCW", TUESDAY): "0.0",
    ("GBTC", TUESDAY): "0.1",
    ("TOTAL", TUESDAY): "(1,119.8)",
    ("IBIT", WEDNESDAY): "-",
    ("BTCW", WEDNESDAY): "-",
    ("GBTC", WEDNESDAY): "-",
    ("TOTAL", WEDNESDAY): "0.0",
}
FOURTH = row("Staking?", "No", "No", "No", "", tag="th")


SHAPES = {
    "all data": ALL_DATA,
    "a title above": edited("<thead>", f"<thead>{row('Bitcoin ETF flow', tag='th')}"),
    "three headers": SHORT_PAGE,
    "four headers": edited("</thead>", f"{FOURTH}</thead>", SHORT_PAGE),
    "seed first": edited("<tbody>", f"<tbody>{row('Seed*', '10.6', '-', '10,199.3', '10,360.0')}"),
    "seed last": with_row("Seed*", "10.6", "-", "10,199.3", "10,360.0"),
    "empty row": with_row("&nbsp;", "", "", "", ""),
    "nothing closed": re.sub(rb"</tr>", b"", ALL_DATA),
    "more classes": edited('class="etf"', 'class="wide etf striped"'),
    "spaces": re.sub(rb"\(([\d,.]+)\)", rb"(\1&nbsp;)", re.sub(rb">-<", b">&nbsp;-\xc2\xa0<", ALL_DATA)),
    "day in other letters": edited("03 Nov 2025", "3&nbsp;nov 2025 "),
    "other tables": edited('<table class="etf">', '<table><tr><td>advertisement</td></tr></table><table class="etf">'),
}


@pytest.mark.parametrize("content", SHAPES.values(), ids=SHAPES)
def test_every_shape_of_the_page_gives_the_same_cells(content):
    found = {key: re.sub(r"\s", "", text) for key, text in texts(content).items()}
    assert found == EXPECTED


def test_a_cell_becomes_one_typed_row_in_dollars():
    found = frame(ALL_DATA)
    assert found.schema == farside.SOURCE.key | {"raw_text": pl.String, "value": pl.Float64}
    assert found.head(5).rows() == [
        ("BTC", "IBIT", MONDAY, "net_flow_usd", "1,186.4", 1_186_400_000.0),
        ("BTC", "BTCW", MONDAY, "net_flow_usd", "(2.5)", -2_500_000.0),
        ("BTC", "GBTC", MONDAY, "net_flow_usd", None, None),
        ("BTC", "TOTAL", MONDAY, "net_flow_usd", "1,183.9", 1_183_900_000.0),
        ("BTC", "IBIT", TUESDAY, "net_flow_usd", "(1,119.9)", -1_119_900_000.0),
    ]


def test_a_holiday_is_blank_with_a_total_of_zero():
    holiday = frame(ALL_DATA).filter(pl.col("value_date") == WEDNESDAY).select("ticker", "raw_text", "value").rows()
    assert holiday == [("IBIT", None, None), ("BTCW", None, None), ("GBTC", None, None), ("TOTAL", "0.0", 0.0)]


@pytest.mark.parametrize(
    ("resource", "asset"),
    [("btc", "BTC"), ("btc_all", "BTC"), ("eth", "ETH"), ("eth_all", "ETH"), ("sol", "SOL"), ("hype", "HYPE")],
)
def test_the_asset_is_that_of_the_page_whatever_fund_stands_on_it(resource, asset):
    assert resource in farside.SOURCE.resources
    found = frame(flow_page(["ODD1", "BTC"], [(MONDAY, ["1.0", "2.0"], "3.0")]), resource)
    assert found.select("asset", "ticker", "value").rows() == [
        (asset, "ODD1", 1e6),
        (asset, "BTC", 2e6),
        (asset, "TOTAL", 3e6),
    ]


def test_a_column_in_the_middle_is_read_by_its_name():
    wider = [(day, [*cells[:2], "7.0", *cells[2:]], str(Decimal(total) + 7)) for day, cells, total in ROWS]
    found = texts(flow_page(["IBIT", "BTCW", "MSBT", "GBTC"], wider))
    assert {day: found.pop(("MSBT", day)) for day in (MONDAY, TUESDAY, WEDNESDAY)} == dict.fromkeys(
        (MONDAY, TUESDAY, WEDNESDAY), "7.0"
    )
    funds = {key: text for key, text in EXPECTED.items() if key[0] != "TOTAL"}
    assert {key: text for key, text in found.items() if key[0] != "TOTAL"} == funds


amounts = st.one_of(st.none(), st.integers(-99_999_999, 99_999_999).map(lambda n: Decimal(n).scaleb(-1)))
tables = st.integers(1, 4).flatmap(
    lambda width: st.dictionaries(st.dates(MONDAY), st.lists(amounts, min_size=width, max_size=width), min_size=1)
)


@settings(max_examples=60, deadline=None)
@given(tables, st.booleans(), st.booleans())
def test_any_table_comes_back_to_the_last_digit(table, is_short, has_total):
    width = len(next(iter(table.values())))
    funds = [f"FUND{n}" for n in range(width)]
    rows, expected = [], {}
    for day, cells in table.items():
        total = sum(amount for amount in cells if amount is not None) if has_total else None
        rows.append((day, [None if amount is None else str(amount) for amount in cells], total and f"{total:.1f}"))
        expected |= {(fund, day): amount for fund, amount in zip(funds, cells, strict=True)}
    found = frame(flow_page(funds, rows, [("Issuer", "0.1%")] * width if is_short else None))
    read = found.filter(pl.col("ticker") != "TOTAL").select("ticker", "value_date", "value").rows()
    assert {(fund, day): value for fund, day, value in read} == {
        key: None if amount is None else float(Fraction(amount) * 1_000_000) for key, amount in expected.items()
    }


@given(st.integers(-(10**15), 10**15), st.integers(0, 6))
def test_a_printed_number_comes_back_to_the_last_digit(digits, places):
    number = Decimal(digits).scaleb(-places)
    printed = f"({-number:,f})" if number < 0 else f"{number:,f}"
    read = farside.usd_m(printed)
    assert read == number
    assert read.as_tuple() == number.as_tuple()


@pytest.mark.parametrize(
    ("text", "number"),
    [("-", None), ("", None), ("1119.9", "1119.9"), ("( 95.1 )", "-95.1"), ("-95.1", "-95.1"), ("0", "0")],
)
def test_blanks_and_forgivable_forms(text, number):
    assert farside.usd_m(text) == (None if number is None else Decimal(number))


def test_a_zero_in_parentheses_is_zero():
    assert str(farside.usd_m("(0.0)")) == "0.0"


@pytest.mark.parametrize(
    "text",
    [
        *("n/a", "--", "\u2013", "()", "(-)", "(-95.1)", "--95.1", "(95.1", "95.1)", "((95.1))", "1e3", "NaN"),
        *("1.2.3", "1,23.4", "12,3", "1,,234.5", ",5", "5,", "1234,567.8", "5.", ".5", "1 234.5", "$5.0", "5.0m"),
        *("\u0663.\u0660", "5.0*", "5.0%", "+5.0", "1_000.0", "0x1"),
    ],
)
def test_a_figure_that_is_no_number_refuses_the_page(text):
    sentence = f"'{text}' is not a figure in US$ m: look at the page, then read it again."
    with pytest.raises(PageRefused) as refused:
        farside.usd_m(text)
    assert str(refused.value) == sentence
    assert refusal(with_row("06 Nov 2025", escape(text), "-", "-", "-")) == sentence


@pytest.mark.parametrize("ticker", ["BTC", "BTCWXY"])
def test_a_ticker_has_three_to_six_characters(ticker):
    assert (ticker, date(2025, 11, 4)) in texts(edited(">BTCW<", f">{ticker}<"))


NO_TABLE = "the page has no flow table (a challenge page, or a new layout): look at it in a browser."


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b" ", b"\x00", b"\xff\xfe", b"{}", b"<html></html>"),
        b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Enable JavaScript</body></html>",
        edited('class="etf"', 'class="etfs"'),
    ],
)
def test_a_page_without_the_table_is_refused(content):
    assert refusal(content) == NO_TABLE


NO_DAY = "the table has no day: look at the page, it may be empty or have dates in a new format."
NO_TICKERS = "the header has no single row of tickers: the layout changed, update the parser."
NO_DATE = "the first column is not named 'Date': the layout changed, update the parser."
NO_TOTAL = "the last column is not named 'Total': the layout changed, update the parser."
TOTAL_HEADER = '<th><span class="tabletext">Total</span></th>'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'<table class="etf"></table>', NO_DAY),
        (f'<table class="etf">{row("Date", "IBIT", "Total")}</table>'.encode(), NO_DAY),
        (re.sub(rb"(\d\d) Nov 2025", rb"2025-11-\1", ALL_DATA), NO_DAY),
        (re.sub(rb"(\d\d) Nov 2025", rb"\1 Brumaire 2025", ALL_DATA), NO_DAY),
        (edited(">Date<", ">Fund<"), NO_DATE),
        (edited(TOTAL_HEADER, TOTAL_HEADER.replace("Total", "Sum")), NO_TOTAL),
        (edited(TOTAL_HEADER, TOTAL_HEADER.replace("Total", "Sum"), SHORT_PAGE), NO_TOTAL),
        (edited(">BTCW<", ">WisdomTree<"), NO_TICKERS),
        (edited(">BTCW<", ">&nbsp;<", SHORT_PAGE), NO_TICKERS),
        (edited(">BTCW<", ">BT<"), NO_TICKERS),
        (edited(">BTCW<", ">BTCWXYZ<"), NO_TICKERS),
        (edited(TOTAL_HEADER, TOTAL_HEADER + "<th>BTC price</th>"), NO_TICKERS),
        (edited("</thead>", row("Date", *FUNDS, "Total", tag="th") + "</thead>"), NO_TICKERS),
        (edited(">BTCW<", ">IBIT<"), "two columns have the same ticker: wait for a corrected page."),
        (with_row("Median", "1.0", "1.0", "1.0", "3.0"), "the row 'Median' is neither a day nor a known summary:"),
        (with_row("06 Nov 2025*", "-", "-", "-", "-"), "the row '06 Nov 2025*' is neither a day nor a known summary:"),
        (with_row("06 Now 2025", "-", "-", "-", "-"), "the row '06 Now 2025' is neither a day nor a known summary:"),
        (
            with_row("31 Nov 2025", "-", "-", "-", "-"),
            "'31 Nov 2025' is not a day of the calendar: wait for a corrected page.",
        ),
        (
            with_row("06 Nov 0000", "-", "-", "-", "-"),
            "'06 Nov 0000' is not a day of the calendar: wait for a corrected page.",
        ),
        (
            with_row("06 Nov 2025", "1.0", "1.0"),
            "2025-11-06 has 2 figures under 4 column names: the row is misaligned,",
        ),
        (with_row("06 Nov 2025", *["-"] * 5), "2025-11-06 has 5 figures under 4 column names: the row is misaligned,"),
        (
            with_row("04 Nov 2025", "1.0", "-", "-", "1.0"),
            "2025-11-04 is on the page twice with different figures: wait for a corrected page.",
        ),
    ],
)
def test_a_page_that_cannot_be_trusted_is_refused_by_its_sentence(content, sentence):
    assert refusal(content).startswith(sentence)


def test_a_day_that_stands_there_twice_with_the_same_figures_counts_once():
    cells = farside.parse(with_row("04 Nov 2025", "(1,119.9)", "0.0", "0.1", "(1,119.8)"))
    assert cells == farside.parse(ALL_DATA)


def test_a_day_without_its_total_yet_is_read():
    found = frame(with_row("06 Nov 2025", "1.0", "-", "-", "-")).filter(pl.col("value_date") == date(2025, 11, 6))
    assert found["value"].to_list() == [1e6, None, None, None]


def test_a_renamed_fund_has_its_present_name_on_every_page():
    found = frame(flow_page(["ETHA", "CETH"], [(MONDAY, ["1.0", "2.0"], "3.0")]), "eth_all")
    assert found["ticker"].to_list() == ["ETHA", "TETH", "TOTAL"]
    other = frame(flow_page(["CETH"], [(MONDAY, ["1.0"], "1.0")]), "btc_all")
    assert other["ticker"].to_list() == ["CETH", "TOTAL"]


def test_a_page_with_both_names_of_a_fund_is_refused():
    page = flow_page(["CETH", "TETH"], [(MONDAY, ["1.0", "1.0"], "2.0")])
    with pytest.raises(PageRefused, match="it has both CETH and TETH, which are one fund: wait for a corrected page"):
        frame(page, "eth")


GARBLED = ["17 Nvo 2025", "2025-11-17", "", "Mon"]


@pytest.mark.parametrize("label", GARBLED)
def test_a_day_whose_date_is_garbled_is_not_taken_for_a_header(label):
    content = edited("<tbody>", f"<tbody>{row(label, '1.0', '-', '-', '1.0')}")
    assert refusal(content).startswith(f"the row '{label}' above the first day has figures:")


@pytest.mark.parametrize("label", GARBLED)
def test_nor_is_one_below_taken_for_a_summary(label):
    assert refusal(with_row(label, "1.0", "-", "-", "1.0")).startswith(
        f"the row '{label}' is neither a day nor a known"
    )


SECOND = '<table class="etf"><tr><th>Date</th><th>Total</th></tr><tr><td>03 Nov 2025</td><td>9.0</td></tr></table>'


@pytest.mark.parametrize(
    "content",
    [
        edited('<table class="etf">', f'{SECOND}<table class="etf">'),
        edited("</body>", f"{SECOND}</body>"),
        with_row("Fee", f"<table><tr><td>{SECOND}</td></tr></table>", "", "", ""),
        with_row("Fee", SECOND.replace('class="etf"', ""), "", "", ""),
    ],
    ids=["before", "after", "within", "of no class within"],
)
def test_a_page_with_two_flow_tables_is_refused(content):
    assert refusal(content).startswith("the page has more than one flow table:")


def test_a_page_of_junk_is_refused_before_it_is_parsed():
    assert refusal(ALL_DATA + b"<p>" * 3_000_000).startswith("the page has 9,00")


@pytest.mark.parametrize("text", ["9" * 19, "9" * 5000, "1." + "0" * 5000, "1" + ",000" * 7])
def test_a_figure_of_endless_digits_is_no_number(text):
    with pytest.raises(PageRefused, match="is not a figure in US"):
        farside.usd_m(text)


class Publisher:
    def __init__(self):
        self.asked = []

    def get(self, url):
        self.asked.append(url)
        if url.endswith("/sol/"):
            raise FetchFailed("answered 403 with a challenge page for browsers: try again later.")
        return Served(url, ALL_DATA, None)


def test_a_page_is_asked_for_every_time_since_it_changes():
    http = Publisher()
    url = "https://farside.co.uk/btc/"
    [served] = farside.fetch(http, "btc", frozenset({url}), MONDAY)
    assert (served.content, http.asked) == (ALL_DATA, [url])
    with pytest.raises(FetchFailed):
        list(farside.fetch(http, "sol", frozenset(), MONDAY))


@pytest.mark.parametrize(
    ("resource", "first"),
    [
        ("btc", date(2024, 1, 11)),
        ("eth_all", date(2024, 7, 23)),
        ("sol", date(2025, 10, 28)),
        ("hype", date(2026, 5, 12)),
    ],
)
def test_a_page_is_not_asked_for_before_its_assets_first_fund(resource, first):
    http = Publisher()
    assert list(farside.fetch(http, resource, {}, first - timedelta(1))) == []
    assert http.asked == []
    with suppress(FetchFailed):
        list(farside.fetch(http, resource, {}, first))
    assert http.asked == [farside.URLS[resource]]
