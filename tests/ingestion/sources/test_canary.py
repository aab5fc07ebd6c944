from datetime import date, datetime

import fund_pages
import pytest
from fund_pages import canary_row

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.sources import canary

DAY = date(2026, 10, 7)


def test_a_page_has_the_days_of_every_fund_that_is_known():
    rows = [canary_row("10/06/2026", nav="24.41"), canary_row(), canary_row("10/01/2026", "OTHR")]
    cells = canary.SOURCE.read(fund_pages.canary(*rows), "daily")
    assert cells.filter(value_date=DAY).rows() == [
        ("SOL", "SOLC", DAY, "shares_outstanding", "170,000", 170_000.0),
        ("SOL", "SOLC", DAY, "nav_usd", "23.47", 23.47),
        ("SOL", "SOLC", DAY, "net_assets_usd", "3,989,900.00", 3_989_900.0),
    ]
    assert set(cells["ticker"]) == {"SOLC"}


def test_a_line_twice_counts_once_and_with_other_figures_is_refused():
    assert canary.SOURCE.read(fund_pages.canary(canary_row(), canary_row()), "daily").height == 3
    with pytest.raises(PageRefused, match="twice with different figures"):
        canary.SOURCE.read(fund_pages.canary(canary_row(), canary_row(shares="180,000")), "daily")


def test_figures_that_are_not_reported_yet_are_blank():
    rows = [canary_row("10/06/2026"), canary_row(assets="", shares="-")]
    cells = canary.SOURCE.read(fund_pages.canary(*rows), "daily")
    assert cells.filter(value_date=DAY)["value"].to_list() == [None, 23.47, None]


@pytest.mark.parametrize(("size", "is_stub"), [(99_999, True), (100_000, False)])
def test_a_stub_is_not_stored(size, is_stub):
    class Canary:
        def get(self, url):
            return Served(url, b" " * size, datetime(2026, 10, 8))

    if is_stub:
        with pytest.raises(PageRefused, match="99,999 bytes, a stub"):
            [*canary.fetch(Canary(), "daily", {}, DAY)]
    else:
        assert len([*canary.fetch(Canary(), "daily", {}, DAY)]) == 1
