import json
from datetime import date, datetime, timedelta

import pytest
from derivative_files import Publisher

from ingestion.errors import PageRefused
from ingestion.formats import coinglass
from ingestion.sources import coinglass_open_interest


def milliseconds(at):
    return (at - datetime(1970, 1, 1)) // timedelta(milliseconds=1)


def bar(at, open_=2, high=4, low=1, close=3):
    return {"time": milliseconds(at), "open": open_, "high": high, "low": low, "close": close}


def page(*bars, code="0"):
    return json.dumps({"code": code, "msg": "success", "data": bars}).encode()


FOUR, EIGHT = datetime(2025, 10, 6, 20), datetime(2025, 10, 7)


def test_dollars_are_those_at_the_end_of_a_period_and_count_for_the_day_that_ends():
    rows = coinglass_open_interest.SOURCE.read(page(bar(FOUR), bar(EIGHT)), "BTC")
    assert rows.to_dicts() == [
        {
            "asset": "BTC",
            "venue": "coinglass:all",
            "contract": "BTC",
            "period_minutes": 240,
            "snapshot_at": datetime(2025, 10, 7),
            "value_date": date(2025, 10, 6),
            "margin_kind": None,
            "open_interest_native": None,
            "open_interest_usd": 3.0,
            "high_usd": 4.0,
            "low_usd": 1.0,
        }
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>", "no answer as documented"),
        (page(code="401"), "the error '401' of CoinGlass"),
        (page(bar(FOUR)), "no figure"),  # its one period may not be over
        (page(bar(FOUR), bar(FOUR, close=2), bar(EIGHT)), "twice with different figures"),
        (page(bar(FOUR, close=5), bar(EIGHT)), "a close beyond the bounds of its period"),
        (page(bar(FOUR, low=-9, close=-8), bar(EIGHT)), "open interest below zero"),
    ],
)
def test_what_cannot_be_trusted_is_refused(content, reason):
    with pytest.raises(PageRefused, match=reason):
        coinglass_open_interest.SOURCE.read(content, "BTC")


def test_fetch_takes_older_months_once_and_the_newest_periods_each_time():
    newest = f"{coinglass.URL}/open-interest/aggregated-history?symbol=BTC&interval=4h&limit=1000"

    class Everything(Publisher):
        def get(self, url):
            self.contents[url] = page(bar(FOUR), bar(EIGHT))
            return super().get(url)

    day = date(2025, 8, 1)  # 1,000 periods of four hours reach back to February
    first = [each.url for each in coinglass_open_interest.fetch(Everything({}), "BTC", {}, day)]
    january = (
        f"{newest}&start_time={milliseconds(datetime(2025, 1, 1))}&end_time={milliseconds(datetime(2025, 2, 1, 4))}"
    )
    february = (
        f"{newest}&start_time={milliseconds(datetime(2025, 2, 1))}&end_time={milliseconds(datetime(2025, 3, 1, 4))}"
    )
    assert first == [january, february, newest]
    again = coinglass_open_interest.fetch(Everything({}), "BTC", dict.fromkeys(first, ""), day)
    assert [each.url for each in again] == [newest]
