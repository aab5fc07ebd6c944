import json
from datetime import date, datetime

import pytest

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.sources import coinglass_hk
from ingestion.sources.coinglass_hk import SOURCE

FIRST, SECOND = 1_714_435_200_000, 1_714_608_000_000  # 2024-04-30 and 2024-05-02
NAMES = ("CHINAAMC", "HARVEST", "BOSERA&HASHKEY")


def day(timestamp=FIRST, *flows):
    funds = [{"etf_ticker": name, "flow_usd": usd} for name, usd in zip(NAMES, flows, strict=False)]
    return {"timestamp": timestamp, "flow_usd": 1, "price_usd": 63842.4, "etf_flows": funds}


def page(*days, code="0", msg="success"):
    return json.dumps({"code": code, "msg": msg, "data": days}).encode()


def test_the_documented_days_are_the_flows_of_their_funds():
    served = page(day(FIRST, 123_610_690, 63_138_000, 61_117_310), day(SECOND, 3_053_490, 5_022_000, 2_019_570))
    found = SOURCE.read(served, "BTC")
    assert found.filter(metric="net_flow_usd").select("source", "ticker", "value_date", "value").rows() == [
        ("coinglass", "3042", date(2024, 4, 30), 123_610_690),
        ("coinglass", "3439", date(2024, 4, 30), 63_138_000),
        ("coinglass", "3008", date(2024, 4, 30), 61_117_310),
        ("coinglass", "3042", date(2024, 5, 2), 3_053_490),
        ("coinglass", "3439", date(2024, 5, 2), 5_022_000),
        ("coinglass", "3008", date(2024, 5, 2), 2_019_570),
    ]
    assert found.filter(metric="net_flow_native")["value"].null_count() == 6


def test_a_figure_that_is_not_there_is_blank_and_zero_is_zero():
    found = SOURCE.read(page(day(FIRST, None, 0, "-5000.5"), day(FIRST, "", 0)), "BTC").filter(metric="net_flow_usd")
    assert found.select("raw_text", "value").rows() == [(None, None), ("0", 0.0), ("-5000.5", -5000.5)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>", "no answer as documented"),
        (page(code="401", msg="API key missing."), r"the error '401' of CoinGlass \('API key missing.'\)"),
        (page(), "it has no figure"),
        (page(day(FIRST + 1, 5000)), "a time that begins no day"),
        (page(day(86_400_000 * 10**9, 5000)), "a time that begins no day"),
        (page(day(1_714_780_800_000, 5000)), "since 3042 has a flow on 2024-05-04, which is a Saturday"),
        (page(day(FIRST - 86_400_000, 5000)), "but trades since 2024-04-30"),
        (page(day(FIRST, 12.5)), "since net_flow_usd of 3042 on 2024-04-30 is 12.5, expected 0 or 1,000"),
        (page(day(FIRST, "n/a")), "is 'n/a', expected a number"),
        (page(day(FIRST, 5000), day(FIRST, 6000)), "3042 on 2024-04-30 twice with different figures"),
        (
            page({"timestamp": FIRST, "etf_flows": [{"etf_ticker": "IBIT", "flow_usd": 5000}]}),
            "the fund 'IBIT' on 2024-04-30, which is none of CHINAAMC, HARVEST, BOSERA&HASHKEY",
        ),
    ],
)
def test_an_answer_that_cannot_be_trusted_is_refused(content, reason):
    with pytest.raises(PageRefused, match=reason):
        SOURCE.read(content, "BTC")


def test_the_whole_history_is_asked_for_at_one_address():
    class CoinGlass:
        def get(self, url):
            return Served(url, page(day(FIRST, 5000)), datetime(2024, 5, 3))

    (served,) = coinglass_hk.fetch(CoinGlass(), "BTC", {}, date(2024, 5, 3))
    assert served.url == "https://open-api-v4.coinglass.com/api/hk-etf/bitcoin/flow-history"
