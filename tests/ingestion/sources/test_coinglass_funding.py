import json
from datetime import date, datetime, timedelta

import pytest
from derivative_files import Publisher

from ingestion.errors import PageRefused
from ingestion.formats import coinglass
from ingestion.sources import coinglass_funding

FOUR, EIGHT = datetime(2025, 10, 6, 20), datetime(2025, 10, 7)


def bar(at, open_="0.02", high="0.04", low="0.01", close="0.03"):
    milliseconds = (at - datetime(1970, 1, 1)) // timedelta(milliseconds=1)
    return {"time": milliseconds, "open": open_, "high": high, "low": low, "close": close}


def page(*bars):
    return json.dumps({"code": "0", "msg": "success", "data": bars}).encode()


def test_an_indicated_rate_is_a_fraction_and_of_its_own_kind():
    bars = page(bar(FOUR, "0.01", "0.02", "-0.03", "-0.0125"), bar(EIGHT))
    columns = ("venue", "kind", "settled_at", "rate", "interval_hours")
    mean = coinglass_funding.SOURCE.read(bars, "BTC_all").select(columns)
    assert mean.rows() == [("coinglass:all", "indicative", datetime(2025, 10, 7), -0.000125, 8)]
    with pytest.raises(PageRefused, match="begins at another time"):
        coinglass_funding.SOURCE.read(bars, "BTC_okx")  # its periods are of eight hours
    venue = coinglass_funding.SOURCE.read(page(bar(EIGHT - timedelta(hours=8)), bar(EIGHT)), "BTC_okx").select(columns)
    assert venue.rows() == [("coinglass:okx", "indicative", datetime(2025, 10, 7), 0.0003, None)]


@pytest.mark.parametrize(
    ("resource", "address"),
    [
        ("BTC_all", "oi-weight-history?symbol=BTC&interval=4h"),
        ("BTC_okx", "history?exchange=OKX&symbol=BTC&interval=8h"),
    ],
)
def test_fetch_asks_for_a_mean_or_a_venue(resource, address):
    publisher = Publisher({f"{coinglass.URL}/funding-rate/{address}&limit=1000": page(bar(FOUR), bar(EIGHT))})
    served = coinglass_funding.fetch(publisher, resource, {}, date(2025, 2, 1))
    assert [each.url for each in served] == [*publisher.contents]
