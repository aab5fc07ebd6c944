from datetime import date, datetime

import fund_pages
import pytest

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.sources import invesco

DAY = date(2026, 10, 7)


def test_prices_have_the_count_and_details_the_coins():
    assert invesco.SOURCE.read(fund_pages.invesco_prices(), "BTCO_prices").rows() == [
        ("BTC", "BTCO", DAY, "shares_outstanding", "5080000", 5_080_000.0),
        ("BTC", "BTCO", DAY, "nav_usd", "82.921984", 82.921984),
    ]
    assert invesco.SOURCE.read(fund_pages.invesco_details(), "BTCO_details").rows() == [
        ("BTC", "BTCO", DAY, "native_held", "5051.6119", 5_051.6119),
        ("BTC", "BTCO", DAY, "net_assets_usd", "421243677.4", 421_243_677.4),
    ]


def test_navs_are_of_every_day():
    content = fund_pages.invesco_navs(("10/06/2026", 85.1), ("10/07/2026", "82.9"))
    assert invesco.SOURCE.read(content, "QETH_navs").select("ticker", "value_date", "metric", "value").rows() == [
        ("QETH", date(2026, 10, 6), "nav_usd", 85.1),
        ("QETH", DAY, "nav_usd", 82.9),
    ]


def test_navs_that_run_neither_up_nor_down_are_refused():
    days = ("10/06/2026", "10/08/2026", "10/07/2026")
    with pytest.raises(PageRefused, match="neither up nor down"):
        invesco.SOURCE.read(fund_pages.invesco_navs(*((day, 85) for day in days)), "BTCO_navs")


def test_each_question_names_its_fund():
    class Invesco:
        def get(self, url):
            return Served(url, b"", datetime(2026, 10, 8))

    urls = {name: served.url for name in invesco.SOURCE.resources for served in invesco.fetch(Invesco(), name, {}, DAY)}
    assert urls["BTCO_prices"].startswith(f"{invesco.URL}/46091J101/prices?idType=cusip")
    assert urls["QETH_details"].startswith(f"{invesco.URL}/46148D107?expand=nav")
    assert urls["QETH_navs"] == f"{invesco.URL}/46148D107/navs?idType=cusip&productType=ETF"
