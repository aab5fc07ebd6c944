from datetime import date, datetime

import fund_pages
import pytest

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.sources import morgan_stanley

DAY = date(2026, 10, 7)


def test_the_count_is_of_the_day_of_the_nav():
    assert morgan_stanley.SOURCE.read(fund_pages.morgan_stanley(), "MSSE").rows() == [
        ("ETH", "MSSE", DAY, "shares_outstanding", "17,650,000", 17_650_000.0),
        ("ETH", "MSSE", DAY, "nav_usd", "20.123456", 20.123456),
    ]


def test_two_classes_are_refused():
    content = fund_pages.morgan_stanley()
    at = content.index(b'{"currencies"')
    doubled = content[:at] + content[at:].removesuffix(b"]}}") + b", " + content[at:]
    with pytest.raises(PageRefused, match="2 pricing, expected one"):
        morgan_stanley.parse(doubled)


def test_each_trust_has_its_page():
    class MorganStanley:
        def get(self, url):
            return Served(url, b"", datetime(2026, 10, 8))

    urls = [next(morgan_stanley.fetch(MorganStanley(), name, {}, DAY)).url for name in ("MSBT", "MSSE")]
    assert [url.rpartition("/EF/")[2] for url in urls] == [
        "100761/detail/en-pricing.json",
        "100770/detail/en-pricing.json",
    ]
