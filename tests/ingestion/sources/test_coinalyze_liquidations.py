import json
from datetime import date, datetime, timedelta

import pytest

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.formats.liquidations import epoch
from ingestion.sources import coinalyze_liquidations
from ingestion.sources.coinalyze_liquidations import SOURCE

AT, DAY = datetime(2025, 10, 10), timedelta(days=1)


def day(at=AT, long=1.5, short=0.5):
    return {"t": epoch(at), "l": long, "s": short}


def page(*days, symbol="BTCUSDT_PERP.A"):
    return json.dumps([{"symbol": symbol, "history": days}]).encode()


def read(*days, **kwargs):
    return SOURCE.read(page(*days, **kwargs), "BTC_binance")


def test_the_newest_day_may_not_be_over_and_is_left_out():
    assert read(day(AT + DAY), day()).rows() == [
        ("BTC", "coinalyze:binance", "vendor", "long", AT, AT.date(), 1.5, None, None, 86400, 86400),
        ("BTC", "coinalyze:binance", "vendor", "short", AT, AT.date(), 0.5, None, None, 86400, 86400),
    ]


def test_a_day_without_a_figure_is_no_zero():
    assert read({"t": epoch(AT), "l": 2}, day(AT + DAY)).select("notional_usd").rows() == [(2.0,), (None,)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (page(day(), day(long=2), day(AT + DAY)), "different figures"),
        (page(day(AT + timedelta(hours=1)), day(AT + DAY)), "does not begin"),
        (page(day(), day(AT + DAY), symbol="ETHUSDT_PERP.A"), "'ETHUSDT_PERP.A' in place of BTCUSDT_PERP.A"),
        (page(), "no figure"),
        (b"[]", "no figure"),
        (b'{"message": "Invalid API key"}', "another shape"),
        (b"<html>", "a web page"),
    ],
)
def test_an_answer_that_cannot_be_trusted_is_refused(content, reason):
    with pytest.raises(PageRefused, match=reason):
        SOURCE.read(content, "BTC_binance")


def test_days_are_asked_for_in_dollars_and_an_empty_answer_is_left_out():
    class Coinalyze:
        def __init__(self, *days):
            self.days = days

        def get(self, url):
            assert url.endswith(
                "?symbols=BTCUSDT_PERP.A&interval=daily&from=1735689600&to=1760140800&convert_to_usd=true"
            )
            return Served(url, page(*self.days), datetime(2025, 10, 11))

    for days, count in (((day(), day(AT + DAY)), 1), ((), 0)):
        assert len([*coinalyze_liquidations.fetch(Coinalyze(*days), "BTC_binance", {}, date(2025, 10, 11))]) == count
