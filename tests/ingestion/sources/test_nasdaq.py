import json
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.sources import nasdaq

RECORDED = Path(__file__).parents[4] / "shared/market/archive/nasdaq"


def session(day="11/03/2025", close="$117.86", open="$125.00", high="$126.10", low="$117.00", volume="9,067,306"):
    return {"date": day, "close": close, "volume": volume, "open": open, "high": high, "low": low}


def page(*sessions, symbol="CRCL", total=None, **others):
    table = {"asOf": None, "headers": {"date": "Date"}, "rows": [*sessions]}
    data = {"symbol": symbol, "totalRecords": len(sessions) if total is None else total, "tradesTable": table}
    return json.dumps({"data": data, "message": None, "status": {"rCode": 200}} | others).encode()


def rows(*sessions, resource="CRCL", **others):
    return nasdaq.frame(nasdaq.parse(page(*sessions, **others)), resource)


def test_text_becomes_dollars_and_shares():
    found = rows(session())
    assert found.schema == nasdaq.SOURCE.key | nasdaq.SOURCE.values
    assert found.rows() == [("CRCL", date(2025, 11, 3), 125.0, 126.1, 117.0, 117.86, 9_067_306)]


@given(st.integers(1, 10**8), st.integers(0, 10**12))
def test_figures_come_back_exactly(cents, shares):
    price = f"${cents / 100:,.2f}"
    found = rows(session(open=price, high=price, low=price, close=price, volume=f"{shares:,}"))
    assert found.row(0)[2:] == (*(cents / 100,) * 4, shares)


@pytest.mark.parametrize("blank", ["N/A", "", "--", " "])
def test_a_blank_is_null_and_never_zero(blank):
    found = rows(session(open=blank, high=blank, low=blank, volume=blank))
    assert found.row(0)[2:] == (None, None, None, 117.86, None)
    assert rows(session(close=blank)).row(0)[5] is None


def test_sessions_are_sorted_and_identical_doubles_count_once():
    monday, tuesday = session(), session("11/04/2025")
    plain = rows(tuesday, monday)
    assert plain["value_date"].to_list() == [date(2025, 11, 3), date(2025, 11, 4)]
    assert rows(monday, tuesday, monday).equals(plain)


@pytest.mark.parametrize("other", [{"close": "$117.87"}, {"volume": "1"}, {"volume": "N/A"}])
def test_a_day_has_one_set_of_figures(other):
    with pytest.raises(PageRefused, match="11/03/2025 twice with different figures"):
        rows(session(), session(**other))


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"\xff", b"[]", b"null", b"3", b"{}", b"[" * 100_000])
def test_what_is_no_answer_is_refused(content):
    with pytest.raises(PageRefused, match="other than JSON with status and data"):
        nasdaq.parse(content)


@pytest.mark.parametrize("data", [None, [], {}, {"symbol": "CRCL", "totalRecords": 0, "tradesTable": None}])
def test_an_answer_that_failed_is_refused_with_its_status(data):
    status = {"rCode": 400, "bCodeMessage": [{"code": 1001, "errorMessage": "Symbol not exists."}]}
    with pytest.raises(PageRefused, match=r"no table, and the status .*400"):
        nasdaq.parse(json.dumps({"data": data, "status": status}).encode())


@pytest.mark.parametrize("table", [{"rows": None}, {"rows": {}}, {"rows": "many"}])
def test_a_table_has_rows(table):
    data = {"symbol": "CRCL", "totalRecords": 1, "tradesTable": table}
    with pytest.raises(PageRefused, match="a table without rows"):
        nasdaq.parse(json.dumps({"data": data, "status": {"rCode": 200}}).encode())


def test_an_answer_that_was_cut_is_refused():
    with pytest.raises(PageRefused, match="1 of '252' rows"):
        nasdaq.parse(page(session(), total=252))


def test_an_empty_answer_has_no_figure():
    with pytest.raises(PageRefused, match="no figure"):
        nasdaq.SOURCE.read(page(), "CRCL")


@pytest.mark.parametrize(
    "broken", [{}, None, "row", *({**session(), name: gap} for name in session() for gap in (None, 1))]
)
def test_a_row_lacks_nothing(broken):
    with pytest.raises(PageRefused, match="a row without date, open, high, low, close, volume"):
        nasdaq.parse(page(session(), broken))


@pytest.mark.parametrize("price", ["$0.00", "-$1.00", "$-1", "1e2", "$1,17.86", "٣", "$NaN", "117.86 EUR", "9" * 41])
def test_a_price_is_above_zero(price):
    with pytest.raises(PageRefused, match="on 11/03/2025, expected a price above zero"):
        rows(session(close=price))


@pytest.mark.parametrize("volume", ["1.5", "-1", "1,2", "many", "9" * 20])
def test_a_volume_is_a_whole_number(volume):
    with pytest.raises(PageRefused, match=r"the volume .* on 11/03/2025, expected a whole number"):
        rows(session(volume=volume))


@pytest.mark.parametrize("day", ["2025-11-03", "02/30/2025", "13/03/2025", "11/01/2025", "11/02/2025", ""])
def test_a_day_is_a_weekday(day):
    with pytest.raises(PageRefused, match="expected a weekday like 11/03/2025"):
        rows(session(day))


@pytest.mark.parametrize("off", [{"close": "$127.00"}, {"open": "$116.99"}, {"low": "$126.11"}])
def test_prices_lie_in_the_days_range(off):
    with pytest.raises(PageRefused, match="prices on 11/03/2025 outside the day's range"):
        rows(session(**off))


def test_another_share_is_refused():
    with pytest.raises(PageRefused, match="the share 'COIN', expected CRCL"):
        rows(session(), symbol="COIN")
    with pytest.raises(PageRefused, match="a table without rows"):
        rows(session(), symbol=None)
    assert rows(session(), symbol="crcl").height == 1


def test_days_before_a_shares_first_are_left_out():
    assert rows(session("06/04/2025"), session("06/05/2025"))["value_date"].to_list() == [date(2025, 6, 5)]


def test_fetch_asks_for_all_days_that_are_over():
    class Publisher:
        def get(self, url):
            return Served(url, b"", datetime(2025, 11, 4))

    (served,) = nasdaq.fetch(Publisher(), "MSTR", {}, date(2025, 11, 4))
    assert served.url == (
        "https://api.nasdaq.com/api/quote/MSTR/historical"
        "?assetclass=stocks&fromdate=2023-06-01&todate=2025-11-03&limit=9999"
    )


@pytest.mark.skipif(not RECORDED.exists(), reason="needs the recorded figures")
@pytest.mark.parametrize(("ticker", "change"), [("CRCL", -7.18), ("COIN", -3.89), ("MSTR", -1.80)])
def test_recorded_closes_of_monday_3_november(ticker, change):
    (path,) = (RECORDED / ticker).glob("*Z.json")
    closes = nasdaq.SOURCE.read(path.read_bytes(), ticker).filter(pl.col("value_date") <= date(2025, 11, 3))[
        "close_usd"
    ]
    assert round((closes[-1] / closes[-2] - 1) * 100, 2) == change
