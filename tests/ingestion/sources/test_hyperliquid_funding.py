import json
from datetime import date, datetime, timedelta

import pytest

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.sources import hyperliquid_funding
from ingestion.sources.hyperliquid_funding import SOURCE

EPOCH = datetime(1970, 1, 1)


def entry(at, rate="0.0000125", coin="BTC"):
    milliseconds = (at - EPOCH) // timedelta(milliseconds=1)
    return {"coin": coin, "fundingRate": rate, "premium": "0.0001", "time": milliseconds}


class Hyperliquid:
    """Settles some milliseconds after each hour; answers with the oldest 500 of what it is asked for."""

    def post(self, url, body, headers=None):
        asked = json.loads(body)
        start, end = (EPOCH + timedelta(milliseconds=asked[name]) for name in ("startTime", "endTime"))
        times = [datetime(2025, 9, 1) + timedelta(hours=n, milliseconds=n % 90) for n in range(24 * 40)]
        found = [entry(at, coin=asked["coin"]) for at in times if start <= at <= end][:500]
        return Served(url, json.dumps(found).encode(), datetime(2025, 10, 4))


def test_an_entry_is_a_settlement_of_one_hour():
    at = datetime(2025, 11, 3, 8)
    rows = SOURCE.read(json.dumps([entry(at + timedelta(milliseconds=57), "-0.0002")]).encode(), "BTC")
    assert rows.rows() == [("BTC", "hyperliquid", "BTC", "settled", at, date(2025, 11, 3), -0.0002, 1)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>", "no answer as documented"),
        (b"null", "no answer as documented"),
        (b"[]", "no figure"),
        (json.dumps([entry(datetime(2025, 11, 3, 8), coin="ETH")]).encode(), "rows of 'ETH', expected BTC"),
        (json.dumps([entry(datetime(2025, 11, 3, 8, 30))]).encode(), "expected a time at an hour"),
    ],
)
def test_what_cannot_be_trusted_is_refused(content, reason):
    with pytest.raises(PageRefused, match=reason):
        SOURCE.read(content, "BTC")


def test_every_hour_of_closed_windows_is_fetched_once():
    served = [*hyperliquid_funding.fetch(Hyperliquid(), "BTC", {}, date(2025, 10, 3))]
    hours = [at for each in served for at in SOURCE.read(each.content, "BTC")["settled_at"]]
    assert sorted(set(hours)) == [datetime(2025, 9, 1) + timedelta(hours=n) for n in range(24 * 32)]
    archived = {each.url: "" for each in served}
    assert [*hyperliquid_funding.fetch(Hyperliquid(), "BTC", archived, date(2025, 10, 3))] == []
    assert all(each.url.startswith('https://api.hyperliquid.xyz/info#{"coin":"BTC",') for each in served)
