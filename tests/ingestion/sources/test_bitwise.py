from datetime import date, datetime
from itertools import pairwise
from pathlib import Path

import fund_pages
import pytest

from ingestion.archive import Served
from ingestion.calendar import sessions
from ingestion.errors import PageRefused
from ingestion.sources import bitwise

DAY = date(2026, 10, 7)
RECORDED = Path(__file__).parents[4] / "shared" / "issuers" / "archive" / "bitwise" / "BSOL"


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


@pytest.mark.skipif(not RECORDED.is_dir(), reason="no recorded archive of issuers beside the project (../shared)")
def test_recorded_counts_give_the_flows_that_were_printed():
    """US$ m as Farside printed them, by the session before the look; NAV is net assets by shares."""
    pages = (bitwise.SOURCE.read(file.read_bytes(), "BSOL") for file in sorted(RECORDED.glob("*.html")))
    days = {cells["value_date"][0]: dict(cells.select("metric", "value").iter_rows()) for cells in pages}
    opened = sessions(min(days), max(days))["session_date"].to_list()
    flows = {
        day: (now["shares_outstanding"] - before["shares_outstanding"])
        * (now["net_assets_usd"] / now["shares_outstanding"])
        for previous, day in pairwise(opened)
        if (before := days.get(previous)) and (now := days.get(day))
    }
    assert len(flows) == 116
    printed = {
        date(2026, 3, 17): 17.8,
        date(2026, 3, 27): -7.8,
        date(2026, 5, 11): 21.6,
        date(2026, 6, 3): -11.6,
        date(2026, 7, 28): -18.1,
        date(2026, 8, 21): 8.7,
    }
    assert {day: round(flows[day] / 1e6, 1) for day in printed} == printed
