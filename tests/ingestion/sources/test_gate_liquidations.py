import json
from datetime import date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.formats.liquidations import epoch
from ingestion.sources import gate_liquidations
from ingestion.sources.gate_liquidations import SOURCE

AT = datetime(2025, 10, 10, 21)


def hour(at=AT, long=1.5, short=0.5, milliseconds=False):
    """One hour, with other statistics beside, as Gate has them."""
    time = epoch(at) * (1000 if milliseconds else 1)
    return {"time": time, "long_liq_usd": long, "short_liq_usd": short, "long_liq_size": 3, "lsr_taker": 0.9}


def read(*hours):
    return SOURCE.read(json.dumps(hours).encode(), "BTC_USDT")


def test_an_hour_has_longs_and_shorts_apart():
    assert read(hour()).rows() == [
        ("BTC", "gate", "venue_aggregate", "long", AT, AT.date(), 1.5, None, None, 3600, 3600),
        ("BTC", "gate", "venue_aggregate", "short", AT, AT.date(), 0.5, None, None, 3600, 3600),
    ]


def test_milliseconds_text_doubles_and_disorder_change_nothing():
    early = datetime(2025, 10, 10, 20)
    plain = read(hour(early), hour())
    assert read(hour(milliseconds=True), hour(early, "1.5", "0.5"), hour()).equals(plain)


@pytest.mark.parametrize("blank", [None, "absent"])
def test_an_hour_without_a_figure_is_no_zero(blank):
    served = hour(long=blank)
    if blank == "absent":
        del served["long_liq_usd"]
    assert read(served).select("side", "notional_usd", "covered_seconds").rows() == [
        ("long", None, 0),
        ("short", 0.5, 3600),
    ]


@pytest.mark.parametrize(
    ("hours", "reason"),
    [
        ([hour(), hour(long=2)], "different figures"),
        ([hour(datetime(2025, 10, 10, 21, 30))], "does not begin"),
        ([hour(short=-1)], "negative"),
        ([{"long_liq_usd": 1}], "another shape"),
        ([], "no figure"),
    ],
)
def test_an_answer_that_cannot_be_trusted_is_refused(hours, reason):
    with pytest.raises(PageRefused, match=reason):
        read(*hours)


def test_an_error_with_status_200_is_refused():
    with pytest.raises(PageRefused, match="another shape"):
        SOURCE.read(b'{"label": "INVALID_PARAM_VALUE", "message": "invalid argument"}', "BTC_USDT")


def test_days_that_are_over_are_asked_for_to_their_last_second():
    class Gate:
        def __init__(self):
            self.asked = []

        def get(self, url):
            query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
            self.asked.append(query)
            hours = [
                hour(datetime(1970, 1, 1) + timedelta(seconds=at))
                for at in range(int(query["from"]), int(query["to"]), 3600)
            ]
            return Served(url, json.dumps(hours).encode(), datetime(2025, 1, 3))

    gate = Gate()
    served = [*gate_liquidations.fetch(gate, "BTC_USDT", {}, date(2025, 1, 3))]
    assert [len(gate_liquidations.parse(each.content)) for each in served] == [24, 24]
    assert gate.asked[1] == {
        "contract": "BTC_USDT",
        "from": str(epoch(datetime(2025, 1, 2))),
        "to": str(epoch(datetime(2025, 1, 3)) - 1),
        "interval": "1h",
        "limit": "1000",
    }
