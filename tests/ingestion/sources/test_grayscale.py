from datetime import date, datetime

import pytest

from ingestion.archive import Served
from ingestion.errors import FetchFailed, PageRefused
from ingestion.sources.grayscale import SOURCE, URL
from ingestion.transport.errors import NotPublished
from tests.ingestion.workbooks import workbook

HEADER = ("Name", "Product", "Date", "Shares Outstanding", "NAV Per Share", "AUM", "Market Price Per Share")
MONDAY = ("Trust", "ETF", date(2025, 12, 22), 212980100, 69.03, 14702016303.0, 69.1)
FRIDAY = ("Trust", "ETF", date(2025, 12, 19), 212990100, 68.77, 14647329177.0, 68.84)


def made(*rows, header=HEADER, sheet="Daily Performance"):
    return workbook({"Summary": [("Product", "Trust")], sheet: [header, *rows], "Holdings": [("Date", "Name")]})


def figures(content, resource="GBTC"):
    return {(day, metric): value for _, _, day, metric, _, value in SOURCE.read(content, resource).iter_rows()}


def test_a_day_becomes_three_cells():
    cells = SOURCE.read(made(MONDAY, FRIDAY), "ETHE")
    assert cells.rows()[:3] == [
        ("ETH", "ETHE", date(2025, 12, 22), "shares_outstanding", "212980100", 212980100.0),
        ("ETH", "ETHE", date(2025, 12, 22), "nav_usd", "69.03", 69.03),
        ("ETH", "ETHE", date(2025, 12, 22), "net_assets_usd", "14702016303", 14702016303.0),
    ]


def test_a_row_that_settles_late_is_blank_where_it_lacks_a_figure():
    late = (*MONDAY[:3], "", 69.03, "", 69.1)
    found = figures(made(late, FRIDAY))
    assert found[date(2025, 12, 22), "shares_outstanding"] is None
    assert found[date(2025, 12, 22), "nav_usd"] == 69.03
    assert found[date(2025, 12, 19), "shares_outstanding"] == 212990100


@pytest.mark.parametrize("name", ["Date", "Shares Outstanding", "NAV Per Share", "AUM"])
def test_a_renamed_column_is_named(name):
    header = ["Something" if each == name else each for each in HEADER]
    with pytest.raises(PageRefused, match=f'0 columns "{name}"'):
        SOURCE.read(made(MONDAY, header=header), "GBTC")


def test_a_workbook_without_its_sheet_is_refused():
    with pytest.raises(PageRefused, match='no sheet "Daily Performance"'):
        SOURCE.read(made(MONDAY, sheet="Performance"), "GBTC")


def test_another_funds_workbook_shows_by_its_days():
    early = [("Trust", "ETF", date(2024, 1, day), 1000, 30.0, 30000.0, 30) for day in (4, 3, 2)]
    assert figures(made(*early), "GBTC")
    with pytest.raises(PageRefused, match="3 days before BTC began on 2024-05-02"):
        SOURCE.read(made(*early), "BTC")


class Store:
    """Says that there is nothing, so often."""

    def __init__(self, times):
        self.times, self.asked = times, []

    def get(self, url):
        self.asked.append(url)
        if len(self.asked) <= self.times:
            raise NotPublished("there is no such bucket")
        return Served(url, made(MONDAY), datetime(2025, 12, 23))


def test_a_false_not_found_is_asked_again():
    store = Store(2)
    (served,) = SOURCE.fetch(store, "GBTC", {}, date(2025, 12, 23))
    assert store.asked == [served.url] * 3 == [URL.format(id="672e88c7-dac6-4fcd-9069-18eef01a2c73")] * 3


def test_what_is_not_found_thrice_is_not_there():
    store = Store(99)
    with pytest.raises(FetchFailed):
        list(SOURCE.fetch(store, "GBTC", {}, date(2025, 12, 23)))
    assert len(store.asked) == 3
