from datetime import date, datetime

import fund_pages
import pytest

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.sources import bitwise

DAY = date(2026, 10, 7)


@pytest.mark.parametrize("is_deep", [False, True])
def test_a_page_has_count_net_assets_and_coins_and_not_the_nav_of_the_session_before(is_deep):
    assert bitwise.SOURCE.read(fund_pages.bitwise(is_deep=is_deep), "BITB").rows() == [
        ("BTC", "BITB", DAY, "shares_outstanding", "69130000", 69_130_000.0),
        ("BTC", "BITB", DAY, "net_assets_usd", "3127308326", 3_127_308_326.0),
        ("BTC", "BITB", DAY, "native_held", "37507.77129", 37_507.77129),
    ]


def test_a_page_without_a_printed_nav_is_read_all_the_same():
    content = fund_pages.bitwise().replace(b"navAndMarketPrice", b"navs")
    assert bitwise.SOURCE.read(content, "BITB").height == 3


def test_the_coins_of_another_fund_are_no_coins_of_this_one():
    with pytest.raises(PageRefused, match="no holdings of Ether"):
        bitwise.SOURCE.read(fund_pages.bitwise(), "ETHW")


def test_two_data_in_a_page_are_refused():
    with pytest.raises(PageRefused, match="2 whole fund data"):
        bitwise.parse(fund_pages.bitwise() * 2)


def test_each_fund_has_its_page():
    class Bitwise:
        def get(self, url):
            return Served(url, fund_pages.bitwise(), datetime(2026, 10, 8))

    urls = [served.url for name in bitwise.FUNDS for served in bitwise.fetch(Bitwise(), name, {}, DAY)]
    assert urls[:3] == ["https://bitbetf.com/", "https://ethwetf.com/", "https://bsoletf.com/"]
