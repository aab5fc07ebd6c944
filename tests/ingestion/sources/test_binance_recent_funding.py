import json
from datetime import date, datetime, timedelta

import pytest
from derivative_files import Publisher

from ingestion.errors import PageRefused
from ingestion.sources import binance_recent_funding
from ingestion.sources.binance_recent_funding import SOURCE

URL = "https://fapi.binance.com/fapi/v1/fundingRate?symbol=BTCUSDT&startTime={}&limit=1000"


def milliseconds(at):
    return (at - datetime(1970, 1, 1)) // timedelta(milliseconds=1)


def settlement(at, rate="0.0001", symbol="BTCUSDT"):
    return {"symbol": symbol, "fundingTime": milliseconds(at), "fundingRate": rate, "markPrice": ""}


def page(*settlements):
    return json.dumps(settlements).encode()


def test_an_entry_is_a_settlement_at_its_hour_without_an_interval():
    at = datetime(2026, 1, 12, 16) + timedelta(milliseconds=14)
    rows = SOURCE.read(page(settlement(at, "-0.00002755")), "BTCUSDT")
    assert rows.select("kind", "settled_at", "value_date", "rate", "interval_hours").rows() == [
        ("settled", datetime(2026, 1, 12, 16), date(2026, 1, 12), -0.00002755, None)
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>", "no answer as documented"),
        (page(settlement(datetime(2026, 1, 1), symbol="ETHUSDT")), "rows of 'ETHUSDT'"),
        (page(settlement(datetime(2026, 1, 1), rate="")), None),
    ],
)
def test_what_cannot_be_trusted_is_refused_and_a_blank_is_null(content, reason):
    if reason is None:
        assert SOURCE.read(content, "BTCUSDT")["rate"].to_list() == [None]
        return
    with pytest.raises(PageRefused, match=reason):
        SOURCE.read(content, "BTCUSDT")


def test_a_full_page_is_paged_on_from_its_last_settlement():
    start = datetime(2026, 6, 1)
    full = [settlement(start + timedelta(hours=n, milliseconds=3)) for n in range(1000)]
    rest = URL.format(milliseconds(start + timedelta(hours=999, milliseconds=3)) + 1)
    publisher = Publisher({URL.format(milliseconds(start)): page(*full), rest: page(*full[-1:])})
    served = [*binance_recent_funding.fetch(publisher, "BTCUSDT", {}, date(2026, 7, 5))]
    assert [each.url for each in served] == [URL.format(milliseconds(start)), rest]


def test_a_page_that_repeats_ends():
    start = datetime(2026, 6, 1)
    same = page(*(settlement(start + timedelta(hours=n)) for n in range(1000)))

    class Repeating(Publisher):
        def get(self, url):
            self.contents[url] = same
            return super().get(url)

    assert len([*binance_recent_funding.fetch(Repeating({}), "BTCUSDT", {}, date(2026, 7, 5))]) <= 10
