import json
from datetime import date, datetime, timedelta

import pytest
from derivative_files import Publisher

from ingestion.errors import PageRefused
from ingestion.sources import okx_open_interest
from ingestion.sources.okx_open_interest import SOURCE


def entry(*at, contracts="2500", coins="25.5", dollars="3000000"):
    return [str((datetime(*at) - datetime(1970, 1, 1)) // timedelta(milliseconds=1)), contracts, coins, dollars]


def page(*entries, code="0"):
    return json.dumps({"code": code, "data": entries, "msg": ""}).encode()


def test_an_entry_is_its_days_end_and_the_newest_day_is_left_out():
    rows = SOURCE.read(page(entry(2026, 7, 3), entry(2026, 7, 2)), "BTC-USDT-SWAP")
    assert rows.drop("high_usd", "low_usd").rows() == [
        ("BTC", "okx", "BTC-USDT-SWAP", 1440, datetime(2026, 7, 3), date(2026, 7, 2), "linear", 25.5, 3e6)
    ]
    inverse = SOURCE.read(page(entry(2026, 7, 3), entry(2026, 7, 2)), "BTC-USD-SWAP")
    assert inverse["margin_kind"].to_list() == ["inverse"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>", "no answer as documented"),
        (page(code="51001"), "the error '51001' of OKX"),
        (page(entry(2026, 7, 2)), "no figure"),
        (page(entry(2026, 7, 3), entry(2026, 7, 1, 16)), "another time than the start of a UTC day"),
        (page(entry(2026, 7, 3), entry(2026, 7, 2), entry(2026, 7, 2, coins="1")), "twice with different figures"),
    ],
)
def test_what_cannot_be_trusted_is_refused(content, reason):
    with pytest.raises(PageRefused, match=reason):
        SOURCE.read(content, "BTC-USDT-SWAP")


def test_fetch_asks_for_days_in_utc():
    url = okx_open_interest.URL.format(swap="BTC-USDT-SWAP")
    assert "period=1Dutc" in url
    served = okx_open_interest.fetch(Publisher({url: b""}), "BTC-USDT-SWAP", {}, date(2026, 7, 5))
    assert [each.url for each in served] == [url]
