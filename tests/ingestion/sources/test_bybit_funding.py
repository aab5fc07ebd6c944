import json
from datetime import date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.sources import bybit_funding
from ingestion.sources.bybit_funding import SOURCE

EPOCH = datetime(1970, 1, 1)


def entry(at, rate="0.0001", symbol="BTCUSDT"):
    return {
        "symbol": symbol,
        "fundingRate": rate,
        "fundingRateTimestamp": str((at - EPOCH) // timedelta(milliseconds=1)),
    }


def page(*entries, code=0):
    result = {"category": "linear", "list": entries}
    return json.dumps({"retCode": code, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": 1}).encode()


class Bybit:
    """Has a settlement every so many hours; answers with the newest 200 of a window."""

    def __init__(self, hours):
        self.hours = hours
        self.asked = []

    def get(self, url):
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        start, end = (EPOCH + timedelta(milliseconds=int(query[name])) for name in ("startTime", "endTime"))
        self.asked.append((start, end))
        times = [datetime(2024, 1, 1) + timedelta(hours=self.hours * n) for n in range(24 * 60 // self.hours)]
        found = [entry(at) for at in reversed(times) if start <= at <= end][: int(query["limit"])]
        return Served(url, page(*found), datetime(2024, 2, 2))


def test_an_entry_is_a_settlement_without_an_interval():
    at = datetime(2025, 11, 3, 8)
    assert SOURCE.read(page(entry(at, "-0.0002")), "BTCUSDT").rows() == [
        ("BTC", "bybit", "BTCUSDT", "settled", at, date(2025, 11, 3), -0.0002, None)
    ]
    assert SOURCE.read(page(entry(at, symbol="BTCUSD")), "BTCUSD")["asset"].to_list() == ["BTC"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>", "no answer as documented"),
        (page(code=10001), "the error '10001' of Bybit"),
        (b'{"retCode":0}', "no answer as documented"),
        (page(), "no figure"),
        (page(entry(datetime(2025, 11, 3, 8), symbol="ETHUSDT")), "rows of 'ETHUSDT'"),
        (page(entry(datetime(2025, 11, 3, 8, 30))), "expected a time at an hour"),
        (page(entry(datetime(2025, 11, 3, 8)), entry(datetime(2025, 11, 3, 8), "1")), "twice with different figures"),
    ],
)
def test_what_cannot_be_trusted_is_refused(content, reason):
    with pytest.raises(PageRefused, match=reason):
        SOURCE.read(content, "BTCUSDT")


@pytest.mark.parametrize("hours", [8, 1])
def test_every_settlement_of_a_window_is_fetched_once_whatever_an_answer_holds(hours):
    """A month has 744 hours, an answer 200 settlements."""
    bybit = Bybit(hours)
    served = [*bybit_funding.fetch(bybit, "BTCUSDT", {}, date(2024, 2, 3))]
    times = [at for each in served for at in SOURCE.read(each.content, "BTCUSDT")["settled_at"]]
    assert sorted(times) == [datetime(2024, 1, 1) + timedelta(hours=hours * n) for n in range(33 * 24 // hours)]
    assert [*bybit_funding.fetch(bybit, "BTCUSDT", {each.url: "" for each in served}, date(2024, 2, 3))] == []
