import json
from datetime import date

import fund_pages
import pytest

from ingestion.errors import PageRefused
from ingestion.sources import wisdomtree

DAY = date(2026, 10, 7)


def test_a_history_has_counts_and_navs_and_its_thousands_are_not_read():
    days = [fund_pages.wisdomtree_day("2026-10-06", ticker="BTCW UQ"), fund_pages.wisdomtree_day()]
    cells = wisdomtree.SOURCE.read(json.dumps(days).encode(), "BTCW")
    assert cells.filter(value_date=DAY).rows() == [
        ("BTC", "BTCW", DAY, "shares_outstanding", "1650000", 1_650_000.0),
        ("BTC", "BTCW", DAY, "nav_usd", "88.1234", 88.1234),
    ]
    assert cells.height == 4


def test_a_day_without_a_figure_is_blank():
    days = [fund_pages.wisdomtree_day("2026-10-06", nav=None, shares=None), fund_pages.wisdomtree_day()]
    cells = wisdomtree.SOURCE.read(json.dumps(days).encode(), "BTCW")
    assert cells.filter(value_date=date(2026, 10, 6))["value"].to_list() == [None, None]


def test_net_assets_in_dollars_are_refused():
    with pytest.raises(PageRefused, match="one of them is in other units"):
        wisdomtree.SOURCE.read(fund_pages.wisdomtree(thousands=145403610), "BTCW")


def test_one_day_twice_with_different_figures_is_refused():
    days = [fund_pages.wisdomtree_day(), fund_pages.wisdomtree_day(nav=88.2)]
    with pytest.raises(PageRefused, match="twice with different figures"):
        wisdomtree.SOURCE.read(json.dumps(days).encode(), "BTCW")
