"""The sample's tables and the pages generated from them, read back by readers of this test's own."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from html import unescape
from importlib.resources import files
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ingestion.sample.pages
from ingestion.sample.pages import bars_zip, flow_page, pages, workbook
from ingestion.sources import binance_bars

TABLES = files("ingestion.sample")
FLOW_TABLES = {"btc_all": "btc_flows.csv", "eth_all": "eth_flows.csv"}
BAR_TABLES = {"BTCUSDT": "btc_bars.csv", "ETHUSDT": "eth_bars.csv"}


def table(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(TABLES.joinpath(name).read_text())))


def sample_page(resource: str) -> bytes:
    (content,) = [served.content for _, name, _, served in pages() if name == resource]
    return content


def flow_rows(content: bytes) -> list[list[str]]:
    """Cell texts of each row, whether the row is closed or not."""
    (body,) = re.findall(r'<table class="etf">(.*)</table>', content.decode(), re.DOTALL)
    cells = [re.findall(r'<t[dh]><span class="tabletext">(.*?)</span></t[dh]>', row) for row in body.split("<tr>")[1:]]
    return [[unescape(re.sub("<.*?>", "", cell)) for cell in row] for row in cells]


def flow_number(text: str) -> Decimal | None:
    if text == "-":
        return None
    return Decimal(re.sub(r"^\((.*)\)$", r"-\1", text.replace(",", "")))


def flow_date(text: str) -> date:
    return datetime.strptime(text, "%d %b %Y").date()


def zipped_bars(content: bytes) -> list[list[str]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = archive.namelist()
        return list(csv.reader(io.StringIO(archive.read(name).decode())))


def bar_date(opens_us: str) -> date:
    return datetime.fromtimestamp(int(opens_us) / 1_000_000, UTC).date()


# the tables


@pytest.mark.parametrize("name", FLOW_TABLES.values())
def test_the_funds_sum_to_the_total_on_every_one_of_the_thirty_sessions(name):
    rows = table(name)
    first_monday = date(2025, 9, 29)
    sessions = [first_monday + timedelta(7 * week + day) for week in range(6) for day in range(5)]
    assert [row["value_date"] for row in rows] == [day.isoformat() for day in sessions]
    for row in rows:
        funds = [Decimal(cell) for column, cell in row.items() if column not in ("value_date", "total") and cell]
        assert sum(funds) == Decimal(row["total"]), row["value_date"]


def test_the_week_before_the_crash_has_the_published_sums():
    week = [row for row in table("btc_flows.csv") if "2025-10-27" <= row["value_date"] <= "2025-10-31"]
    assert [row["total"] for row in week] == ["149.3", "202.4", "-470.7", "-488.4", "-191.6"]
    assert sum(Decimal(row["total"]) for row in week) == Decimal("-799.0")
    assert sum(Decimal(row["IBIT"]) for row in week) == Decimal("-403.4")


def test_a_flow_is_the_change_of_shares_to_the_next_session_times_nav():
    """flow(d) = (shares(next session) - shares(d)) * NAV(d), within the rounding of the published US$ m."""
    days = table("ibit_fund_daily.csv")
    flows = {row["value_date"]: Decimal(row["IBIT"]) for row in table("btc_flows.csv")}
    assert [day["as_of_date"] for day in days] == [*flows, "2025-11-10"]
    for day, following in pairwise(days):
        shares = Decimal(following["shares_outstanding"]) - Decimal(day["shares_outstanding"])
        flow = shares * Decimal(day["nav_usd"]) / 1_000_000
        assert abs(flow - flows[day["as_of_date"]]) <= Decimal("0.06"), day["as_of_date"]


@pytest.mark.parametrize("name", BAR_TABLES.values())
def test_bars_are_whole_and_without_a_gap(name):
    rows = table(name)
    days = [date(2025, 3, 1) + timedelta(n) for n in range(255)]
    assert [row["price_date"] for row in rows] == [day.isoformat() for day in days]
    for row in rows:
        first, high, low, last = (Decimal(row[column]) for column in ("open", "high", "low", "close"))
        assert low <= min(first, last) <= max(first, last) <= high, row["price_date"]


def test_the_index_is_whole_and_within_its_scale():
    rows = table("fear_greed.csv")
    days = [date(2025, 9, 29) + timedelta(n) for n in range(43)]
    assert [row["value_date"] for row in rows] == [day.isoformat() for day in days]
    assert all(0 <= int(row["index_value"]) <= 100 for row in rows)


def test_every_table_names_its_source():
    tables = {entry.name for entry in TABLES.iterdir() if entry.name.endswith(".csv")}
    assert tables == set(re.findall(r"\w+\.csv", TABLES.joinpath("SOURCES.md").read_text()))


# the pages


DERIVATIVES = ("binance_open_interest", "binance_depth", "binance_recent_funding")


def test_derivatives_are_served_on_the_next_day_at_the_address_that_their_source_asks():
    seen = [(source, served.url, served.fetched_at) for source, _, _, served in pages() if source in DERIVATIVES]
    daily = "https://data.binance.vision/data/futures/um/daily/{0}/BTCUSDT/BTCUSDT-{0}-{1}.zip"
    assert seen == [
        ("binance_open_interest", daily.format("metrics", "2025-10-10"), datetime(2025, 10, 11, 3)),
        ("binance_open_interest", daily.format("metrics", "2025-11-04"), datetime(2025, 11, 5, 3)),
        ("binance_depth", daily.format("bookDepth", "2025-10-10"), datetime(2025, 10, 11, 3)),
        (
            "binance_recent_funding",
            "https://fapi.binance.com/fapi/v1/fundingRate?symbol=BTCUSDT&startTime=1760140800000&limit=1000",
            datetime(2025, 11, 11, 12),
        ),
    ]


def test_the_pages_are_captures_of_when_their_figures_were_known():
    seen = [
        (source, resource, ext, served.url, served.fetched_at)
        for source, resource, ext, served in pages()
        if source not in ("fred", "nasdaq", *DERIVATIVES)
    ]
    assert [(source, resource, ext, fetched) for source, resource, ext, _, fetched in seen[:4]] == [
        # before the next session opens, which would have to be on the page
        ("farside", "btc_all", "html", datetime(2025, 11, 8, 12)),
        ("farside", "eth_all", "html", datetime(2025, 11, 8, 12)),
        ("ishares", "IBIT", "xls", datetime(2025, 11, 11, 12)),
        ("alternative_me", "fng", "json", datetime(2025, 11, 11, 12)),
    ]
    assert [url for *_, url, _ in seen[:4]] == [
        "https://farside.co.uk/bitcoin-etf-flow-all-data/",
        "https://farside.co.uk/ethereum-etf-flow-all-data/",
        "https://www.blackrock.com/varnish-api/blk-one01-product-data/product-data/api/v1/get-fund-document?"
        "appType=PRODUCT_PAGE&appSubType=ISHARES&targetSite=us-ishares&locale=en_US&portfolioId=333011"
        "&component=fundDownload&userType=individual",
        "https://api.alternative.me/fng/?limit=0&format=json",
    ]
    monthly = "https://data.binance.vision/data/spot/monthly/klines/{0}/1d/{0}-1d-2025-{1:02}.zip"
    fetched = {month: datetime(2025, month + 1, 1, 3) for month in range(3, 11)} | {11: datetime(2025, 11, 11, 3)}
    assert seen[-1] == ("holder_series", "published_utxo", "csv", "", datetime(2025, 11, 11, 12))
    daily = "https://data.binance.vision/data/futures/um/daily/klines/{0}/1h/{0}-1h-{1:%Y-%m-%d}.zip"
    days = [datetime(2025, 10, 10), datetime(2025, 10, 11), datetime(2025, 11, 3), datetime(2025, 11, 4)]
    assert seen[-13:-1] == [
        ("binance_bars", f"perpetual_{symbol}_1h", "zip", daily.format(symbol, day), day + timedelta(hours=27))
        for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT")
        for day in days
    ]
    assert seen[4:-13] == [
        ("binance_vision", f"{symbol}_1d", "zip", monthly.format(symbol, month), fetched[month])
        for symbol in BAR_TABLES
        for month in fetched
    ]


def test_the_pages_are_the_same_bytes_every_time():
    assert list(pages()) == list(pages())
    for *_, served in pages():
        if served.url.endswith(".zip"):
            (entry,) = zipfile.ZipFile(io.BytesIO(served.content)).infolist()
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert (entry.create_system, entry.compress_type) == (3, zipfile.ZIP_STORED)


def test_a_bar_has_twelve_columns_with_times_in_microseconds():
    (bar,) = zipped_bars(bars_zip("BTCUSDT", "2024-12", [(date(2024, 12, 31), "1", "4", "0.5", "2", "3.25")]))
    assert bar[:6] == ["1735603200000000", "1.00000000", "4.00000000", "0.50000000", "2.00000000", "3.25000000"]
    assert bar[6:] == ["1735689599999999", "0", "0", "0", "0", "0"]


@pytest.mark.parametrize(("resource", "name"), FLOW_TABLES.items())
def test_a_flow_page_has_its_table(resource, name):
    header, *rows = flow_rows(sample_page(resource))
    days, closing = rows[:-4], rows[-4:]
    facts = table(name)
    assert header == ["Date", *list(facts[0])[1:-1], "Total"]
    assert [flow_date(row[0]).isoformat() for row in days] == [fact["value_date"] for fact in facts]
    for row, fact in zip(days, facts, strict=True):
        assert [flow_number(cell) for cell in row[1:]] == [Decimal(cell) for cell in list(fact.values())[1:]]
    total, average, maximum, minimum = ([row[0], *map(flow_number, row[1:])] for row in closing)
    columns = [[Decimal(fact[column]) for fact in facts] for column in list(facts[0])[1:]]
    means = [(sum(column) / 30).quantize(Decimal("0.1"), ROUND_HALF_UP) for column in columns]
    assert total == ["Total", *map(sum, columns)]
    assert average == ["Average", *means]
    assert maximum == ["Maximum", *map(max, columns)]
    assert minimum == ["Minimum", *map(min, columns)]


def test_the_workbook_has_its_table_newest_first():
    content = sample_page("IBIT")
    assert content.startswith(b'\xef\xbb\xbf<?xml version="1.0"?>')
    text = content.decode("utf-8-sig")
    with pytest.raises(ET.ParseError):
        ET.fromstring(text)
    namespace = "{urn:schemas-microsoft-com:office:spreadsheet}"
    sheets = ET.fromstring(text.replace("&", "&amp;")).findall(f"{namespace}Worksheet")
    assert [sheet.get(f"{namespace}Name") for sheet in sheets] == ["Holdings", "Historical"]
    assert any("&" in data.text for data in sheets[0].iter(f"{namespace}Data"))
    header, *rows = [
        [(data.get(f"{namespace}Type"), data.text) for data in row.iter(f"{namespace}Data")]
        for row in sheets[1].iter(f"{namespace}Row")
    ]
    assert [name for _, name in header] == ["As Of", "NAV per Share", "Ex-Dividends", "Shares Outstanding"]
    assert {tuple(kind for kind, _ in row) for row in rows} == {("String", "Number", "String", "Number")}
    assert [value for _, value in rows[0]][::2] == ["Nov 10, 2025", "--"]
    assert [
        (datetime.strptime(day, "%b %d, %Y").date().isoformat(), nav, n) for (_, day), (_, nav), _, (_, n) in rows
    ] == [tuple(fact.values()) for fact in reversed(table("ibit_fund_daily.csv"))]


@pytest.mark.parametrize(("symbol", "name"), BAR_TABLES.items())
def test_the_zips_have_every_bar_once(symbol, name):
    facts = table(name)
    bars = []
    for _, resource, _, served in pages():
        if resource == f"{symbol}_1d":
            (entry,) = zipfile.ZipFile(io.BytesIO(served.content)).namelist()
            assert entry == served.url.rsplit("/", 1)[1].replace(".zip", ".csv")
            month = zipped_bars(served.content)
            assert {f"{symbol}-1d-{bar_date(bar[0]):%Y-%m}.csv" for bar in month} == {entry}
            bars += month
    assert [bar_date(bar[0]).isoformat() for bar in bars] == [fact["price_date"] for fact in facts]
    for bar, fact in zip(bars, facts, strict=True):
        assert len(bar) == 12
        assert int(bar[6]) - int(bar[0]) == 24 * 3600 * 1_000_000 - 1
        assert [Decimal(cell) for cell in bar[1:6]] == [Decimal(cell) for cell in list(fact.values())[1:]]


def test_the_index_page_has_its_table_newest_first():
    answer = json.loads(sample_page("fng"))
    assert answer["metadata"] == {"error": None}
    moments = [datetime.fromtimestamp(int(entry["timestamp"]), UTC) for entry in answer["data"]]
    assert {moment.hour for moment in moments} == {0}
    assert [
        (moment.date().isoformat(), entry["value"], entry["value_classification"])
        for moment, entry in zip(moments, answer["data"], strict=True)
    ] == [tuple(fact.values()) for fact in reversed(table("fear_greed.csv"))]


def test_the_answers_about_shares_have_their_table():
    shown = [
        (resource, datetime.strptime(row["date"], "%m/%d/%Y").date().isoformat(), row["close"].removeprefix("$"))
        for source, resource, _, served in pages()
        if source == "nasdaq"
        for row in reversed(json.loads(served.content)["data"]["tradesTable"]["rows"])
    ]
    assert shown == [tuple(fact.values()) for fact in table("equity_closes.csv")]


def test_the_series_have_their_table():
    shown = [
        (resource, *line.split(","))
        for source, resource, _, served in pages()
        if source == "fred"
        for line in served.content.decode().splitlines()[1:]
    ]
    assert shown == [tuple(fact.values()) for fact in table("macro_series.csv")]
    assert ("DGS10", "2025-10-13", "") in shown  # a holiday of the bond market


def test_monday_3_november_has_the_published_falls():
    closes = {(row["ticker"], row["session_date"]): Decimal(row["close"]) for row in table("equity_closes.csv")}
    changes = {
        ticker: round((closes[ticker, "2025-11-03"] / closes[ticker, "2025-10-31"] - 1) * 100, 2)
        for ticker in ("CRCL", "COIN", "MSTR")
    }
    assert changes == {"CRCL": Decimal("-7.18"), "COIN": Decimal("-3.89"), "MSTR": Decimal("-1.80")}


# pages for other tests

CELL = st.none() | st.decimals(-99_999, 99_999, places=1).map(str)


@given(st.data())
def test_any_cells_survive_a_flow_page(data):
    tickers = data.draw(
        st.lists(st.sampled_from(["IBIT", "FBTC", "MSBT", "ETH", "A&B"]), min_size=1, max_size=4, unique=True)
    )
    row = st.tuples(st.dates(date(2000, 1, 1)), st.lists(CELL, min_size=len(tickers), max_size=len(tickers)), CELL)
    rows = data.draw(st.lists(row, min_size=1, max_size=12))
    header, *shown = flow_rows(flow_page(tickers, rows))
    assert header == ["Date", *tickers, "Total"]
    assert [row[0] for row in shown[-4:]] == ["Total", "Average", "Maximum", "Minimum"]
    assert [(flow_date(row[0]), [flow_number(cell) for cell in row[1:]]) for row in shown[:-4]] == [
        (day, [None if cell is None else Decimal(cell) for cell in (*cells, total)]) for day, cells, total in rows
    ]


def test_the_flow_page_has_the_marks_of_the_real_one():
    cells = ["-1234.5", "0.0", "4321.0", "1.0", "2.0"]
    text = flow_page(
        ["A&B", "BTC"], [(date(2025, 1, 1 + n), [cell, None], cell) for n, cell in enumerate(cells)]
    ).decode()
    assert '<span class="tabletext"><span class="redFont">(1,234.5)</span></span>' in text
    assert '<span class="tabletext">4,321.0</span>' in text
    assert '<span class="tabletext">A&amp;B</span>' in text
    *_, fourth, fifth = re.findall(r"<tr><td>.*?Jan 2025.*", text)
    assert (fourth.endswith("</td></tr>"), fifth.endswith("</td>")) == (True, True)
    assert [row[2] for row in flow_rows(text.encode())[1:]] == ["-"] * 9


def test_an_empty_cell_of_a_flow_table_is_not_reported(monkeypatch):
    row = {"value_date": "2025-11-10", "IBIT": "1.0", "BTC": "", "total": ""}
    read = ingestion.sample.pages._read
    monkeypatch.setattr(
        ingestion.sample.pages, "_read", lambda name: [row] if name.endswith("flows.csv") else read(name)
    )
    assert flow_rows(sample_page("btc_all"))[1] == ["10 Nov 2025", "1.0", "-", "-"]


def test_the_short_page_has_three_header_rows():
    content = flow_page(
        ["IBIT", "GBTC"],
        [(date(2025, 1, 2), ["1.0", "-2.0"], "-1.0")],
        [("Blackrock", "0.25%"), ("Grayscale", "1.50%")],
    )
    assert flow_rows(content)[:4] == [
        ["\xa0", "Blackrock", "Grayscale", "Total"],
        ["\xa0", "IBIT", "GBTC", "\xa0"],
        ["Fee", "0.25%", "1.50%", "\xa0"],
        ["02 Jan 2025", "1.0", "(2.0)", "(1.0)"],
    ]


def test_a_workbook_of_any_days_is_newest_first():
    days = [date(2025, month, 9) for month in (5, 12, 1)]
    shown = re.findall(r"\w{3} 09, 2025", workbook([(day, "1.5", "10") for day in days]).decode())
    assert shown == ["Dec 09, 2025", "May 09, 2025", "Jan 09, 2025"]


def test_every_hour_of_both_crashes_is_on_the_pages_and_read_as_written():
    """Quote volume and trades are not known: blank, never 0."""
    written = {
        (row["symbol"].removesuffix("USDT"), datetime.fromisoformat(f"{row['price_date']} {int(row['hour']):02}:00")): [
            *(float(row[price]) for price in ("open", "high", "low", "close", "volume")),
            *(None, None),
        ]
        for row in table("perpetual_hours.csv")
    }
    assert len(written) == 3 * 4 * 24
    rows = [
        row
        for source, resource, _, served in pages()
        if source == "binance_bars"
        for row in binance_bars.SOURCE.read(served.content, resource).iter_rows(named=True)
    ]
    values = [*binance_bars.VALUES]
    assert {(row["asset"], row["open_at"]): [row[name] for name in values] for row in rows} == written
