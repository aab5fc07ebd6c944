import json
from datetime import date, datetime

import pytest
from derivative_files import Publisher

from ingestion.errors import PageRefused
from ingestion.sources import binance_recent_open_interest
from ingestion.sources.binance_recent_open_interest import SOURCE


def milliseconds(*at):
    return round((datetime(*at) - datetime(1970, 1, 1)).total_seconds() * 1000)


def snapshot(*at, coins="100.5", dollars="12000.25", symbol="BTCUSDT"):
    return {
        "symbol": symbol,
        "sumOpenInterest": coins,
        "sumOpenInterestValue": dollars,
        "timestamp": milliseconds(*at),
    }


def read(*snapshots, resource="BTCUSDT_4h"):
    return SOURCE.read(json.dumps(snapshots).encode(), resource)


def test_an_entry_is_a_snapshot_of_its_period():
    rows = read(snapshot(2026, 2, 21), snapshot(2026, 2, 20, 4) | {"CMCCirculatingSupply": "1"})
    assert rows.select("contract", "period_minutes", "snapshot_at", "value_date", "open_interest_usd").rows() == [
        ("BTCUSDT", 240, datetime(2026, 2, 20, 4), date(2026, 2, 20), 12000.25),
        ("BTCUSDT", 240, datetime(2026, 2, 21), date(2026, 2, 20), 12000.25),
    ]
    assert read(snapshot(2026, 2, 21), resource="BTCUSDT_1d")["period_minutes"].to_list() == [1440]


def test_labels_are_starts_since_25_june_2026():
    rows = read(snapshot(2026, 6, 24, 23, 55), snapshot(2026, 6, 25), resource="BTCUSDT_5m")
    assert rows["snapshot_at"].to_list() == [datetime(2026, 6, 24, 23, 55), datetime(2026, 6, 25, 0, 5)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<!doctype html><title>Just a moment</title>", "no answer as documented"),
        (b'{"code":-1121,"msg":"Invalid symbol."}', "no answer as documented"),
        (json.dumps([snapshot(2026, 2, 21, symbol="ETHUSDT")]).encode(), "rows of 'ETHUSDT', expected BTCUSDT"),
        (json.dumps([snapshot(2026, 2, 21) | {"timestamp": 1771632000}]).encode(), "'1771632000' as timestamp"),
        (json.dumps([snapshot(2026, 2, 21), snapshot(2026, 2, 21, coins="1")]).encode(), "twice with different"),
        (b"[]", "it has no figure"),
    ],
)
def test_what_cannot_be_trusted_is_refused(content, reason):
    with pytest.raises(PageRefused, match=reason):
        SOURCE.read(content, "BTCUSDT_4h")


def test_only_five_minutes_are_fetched():
    url = "https://fapi.binance.com/futures/data/openInterestHist?symbol=BTCUSDT&period=5m&limit=500"
    publisher = Publisher({url: b"[]"})
    for resource, wanted in [("BTCUSDT_5m", [url]), ("BTCUSDT_4h", [])]:
        served = binance_recent_open_interest.fetch(publisher, resource, {}, date(2026, 7, 5))
        assert [each.url for each in served] == wanted
