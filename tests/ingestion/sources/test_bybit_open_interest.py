import json
from datetime import date, datetime, timedelta

import pytest

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.sources import bybit_open_interest
from ingestion.sources.bybit_open_interest import SOURCE


def page(*entries, symbol="BTCUSDT", code=0):
    stamped = [
        {"openInterest": figure, "timestamp": str((at - datetime(1970, 1, 1)) // timedelta(milliseconds=1))}
        for at, figure in entries
    ]
    result = {"symbol": symbol, "category": "linear", "list": stamped, "nextPageCursor": ""}
    return json.dumps({"retCode": code, "retMsg": "OK", "result": result}).encode()


def test_coins_of_linear_and_dollars_of_inverse_contracts_are_said_and_the_other_is_null():
    at = datetime(2025, 10, 11)
    columns = ("contract", "period_minutes", "value_date", "margin_kind", "open_interest_native", "open_interest_usd")
    linear = SOURCE.read(page((at, "53000.5")), "BTCUSDT").select(columns)
    inverse = SOURCE.read(page((at, "461134384.00000000"), symbol="BTCUSD"), "BTCUSD").select(columns)
    assert linear.rows() == [("BTCUSDT", 60, date(2025, 10, 10), "linear", 53000.5, None)]
    assert inverse.rows() == [("BTCUSD", 60, date(2025, 10, 10), "inverse", None, 461134384.0)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>", "no answer as documented"),
        (page(code=10001), "the error '10001' of Bybit"),
        (page(), "no figure"),
        (page((datetime(2025, 10, 11), "1"), symbol="ETHUSDT"), "rows of 'ETHUSDT'"),
        (page((datetime(2025, 10, 11), "-1")), "open interest below zero"),
        (page((datetime(2025, 10, 11), "1"), (datetime(2025, 10, 11), "2")), "twice with different figures"),
    ],
)
def test_what_cannot_be_trusted_is_refused(content, reason):
    with pytest.raises(PageRefused, match=reason):
        SOURCE.read(content, "BTCUSDT")


def test_fetch_asks_for_hours_of_closed_windows():
    asked = []

    class Empty:
        def get(self, url):
            asked.append(url)
            return Served(url, page(), datetime(2025, 10, 3))

    assert [*bybit_open_interest.fetch(Empty(), "BTCUSD", {}, date(2025, 10, 3))] == []
    assert len(asked) == 3  # September, and two days
    assert all("open-interest?intervalTime=1h&category=inverse&symbol=BTCUSD&" in url for url in asked)
