import json
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.formats.liquidations import epoch
from ingestion.sources import coinglass_liquidations
from ingestion.sources.coinglass_liquidations import SOURCE

RECORDED = Path(__file__).parents[4] / "shared/market/archive/coinglass"
AT, LENGTH = datetime(2025, 10, 10, 20), timedelta(hours=4)


def span(at=AT, long=1.5, short=0.5):
    return {
        "time": epoch(at) * 1000,
        "aggregated_long_liquidation_usd": long,
        "aggregated_short_liquidation_usd": short,
    }


def page(*spans, code="0", msg="success"):
    return json.dumps({"code": code, "msg": msg, "data": spans}).encode()


def read(*spans, resource="BTC_all"):
    return SOURCE.read(page(*spans), resource)


def test_the_newest_period_may_not_be_over_and_is_left_out():
    assert read(span(AT + LENGTH, 7, 7), span()).rows() == [
        ("BTC", "coinglass:all", "vendor", "long", AT, AT.date(), 1.5, None, None, 14400, 14400),
        ("BTC", "coinglass:all", "vendor", "short", AT, AT.date(), 0.5, None, None, 14400, 14400),
    ]


def test_one_exchange_is_a_venue_of_its_own():
    assert set(read(span(), span(AT + LENGTH), resource="ETH_binance")["venue"]) == {"coinglass:binance"}


def test_text_doubles_and_disorder_change_nothing():
    served = read(span(AT + LENGTH), span(long="1.5", short="0.5"), span(AT + LENGTH), span())
    assert served.equals(read(span(), span(AT + LENGTH)))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (page(span(), span(long=2), span(AT + LENGTH)), "different figures"),
        (page(span(AT + timedelta(hours=1)), span(AT + LENGTH)), "does not begin"),
        (page(span(long=-1), span(AT + LENGTH)), "negative"),
        (page(span()), "no figure"),
        (page(code="401", msg="API key missing."), "the error '401' .'API key missing"),
        (page(code=30001, msg="API key missing."), "the error '30001'"),
        (b'{"code":"0","msg":"success","data":[{"time":1}]}', "another shape"),
        (b"<html>", "a web page"),
    ],
)
def test_an_answer_that_cannot_be_trusted_is_refused(content, reason):
    with pytest.raises(PageRefused, match=reason):
        SOURCE.read(content, "BTC_all")


class CoinGlass:
    def __init__(self, *spans):
        self.spans = spans
        self.asked = []

    def get(self, url):
        self.asked.append(url)
        return Served(url, page(*self.spans), datetime(2025, 11, 14))


def test_older_months_are_asked_for_once_and_the_newest_periods_each_time():
    venue = CoinGlass(span(), span(AT + LENGTH))
    urls = [each.url for each in coinglass_liquidations.fetch(venue, "BTC_all", {}, date(2025, 11, 14))]
    assert len(urls) == 6  # January until May, and the newest
    assert all("&start_time=" in url for url in urls[:-1])
    assert f"&end_time={epoch(datetime(2025, 2, 1, 4))}000" in urls[0]
    assert "exchange_list=Binance,Bitfinex,Bitmex,Bybit,CoinEx,Gate,HTX,Hyperliquid,OKX&symbol=BTC" in urls[-1]
    again = coinglass_liquidations.fetch(venue, "BTC_all", dict.fromkeys(urls, ""), date(2025, 11, 14))
    assert [each.url for each in again] == urls[-1:]
    assert not [*coinglass_liquidations.fetch(CoinGlass(), "BTC_all", {}, date(2025, 11, 14))]


@pytest.mark.skipif(not RECORDED.is_dir(), reason="no recorded market beside the project (../shared)")
@pytest.mark.parametrize("asset", ["BTC", "ETH", "SOL", "XRP"])
def test_recorded_periods_sum_to_those_of_the_answer(asset):
    (path,) = (RECORDED / f"{asset}_liquidation_4h").glob("*Z.json")
    spans = json.loads(path.read_bytes())["data"][:-1]
    found = SOURCE.read(path.read_bytes(), f"{asset}_binance")
    for side in ("long", "short"):
        expected = sum(each[f"aggregated_{side}_liquidation_usd"] for each in spans)
        assert found.filter(side=side)["notional_usd"].sum() == pytest.approx(expected)
    # every day from the first whole one until the last has its six periods, longs and shorts
    assert set(found.group_by("value_date").len()["len"]) <= {2 * n for n in range(1, 7)}
    assert found.height == 2 * len(spans)
