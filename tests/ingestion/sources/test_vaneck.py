from datetime import date, datetime

import fund_pages
import pytest

from ingestion.archive import Archive, Served
from ingestion.errors import PageRefused
from ingestion.lake.tables import Lake
from ingestion.refresh import fetch_live
from ingestion.sources.vaneck import SOURCE
from tests.ingestion.workbooks import workbook

TITLE = ("VanEck Bitcoin ETF (HODL)",)
HEADER = ("Date", "NAV", "AUM", "Index Level", "Last Trade", "Volume")
MONDAY = ("11/10/2025", "29.4271", "1898049976.06", "104048.54", "29.4", "100")
SUNDAY = ("11/09/2025", "28.5922", "1847772442.10", "101096.47", "--", "--")


def made(*rows, title=TITLE, header=HEADER):
    return workbook({"Historical Prices": [title, ("Historical Prices",), (), header, *rows]})


def test_a_day_becomes_two_cells_and_a_weekend_is_as_published():
    assert SOURCE.read(made(MONDAY, SUNDAY), "HODL").select("value_date", "metric", "value").rows() == [
        (date(2025, 11, 10), "nav_usd", 29.4271),
        (date(2025, 11, 10), "net_assets_usd", 1898049976.06),
        (date(2025, 11, 9), "nav_usd", 28.5922),
        (date(2025, 11, 9), "net_assets_usd", 1847772442.1),
    ]


def test_numbers_may_be_numbers():
    assert SOURCE.read(made((date(2025, 11, 10), 29.4271, 1898049976.06)), "HODL")["value"][0] == 29.4271


def test_another_funds_workbook_is_refused_by_its_title():
    with pytest.raises(PageRefused, match="figures of 'ETHV' where those of HODL belong"):
        SOURCE.read(made(MONDAY, title=("VanEck Ethereum ETF (ETHV)",)), "HODL")


@pytest.mark.parametrize("name", ["Date", "NAV", "AUM"])
def test_a_renamed_column_is_named(name):
    with pytest.raises(PageRefused, match=f'0 columns "{name}"'):
        SOURCE.read(made(MONDAY, header=["Else" if each == name else each for each in HEADER]), "HODL")


def test_holdings_are_whole_coins_of_the_fund_that_the_coin_tells():
    assert SOURCE.read(fund_pages.vaneck(), "HODL_holdings").rows() == [
        ("BTC", "HODL", date(2026, 10, 7), "native_held", "14,681", 14_681.0)
    ]
    assert SOURCE.read(fund_pages.vaneck(coin="Ethereum"), "ETHV_holdings")["ticker"].to_list() == ["ETHV"]
    with pytest.raises(PageRefused, match=r"'14\.681', expected whole coins"):
        SOURCE.read(fund_pages.vaneck(held="14.681"), "HODL_holdings")


def test_a_workbook_is_no_holdings():
    with pytest.raises(PageRefused, match="in place of holdings"):
        SOURCE.read(made(MONDAY), "HODL_holdings")


def test_holdings_are_asked_for_with_the_cookie_of_the_page_and_filed_as_json(tmp_path):
    class Publisher:
        def get(self, url, headers=None):
            assert headers == ({"Cookie": "vaneck_cookies=1"} if "Holdings" in url else None)
            return Served(url, b"{}", datetime(2025, 11, 11))

    fetch_live(SOURCE, Archive(tmp_path), Lake(tmp_path / "lake"), Publisher(), date(2025, 11, 11))
    assert {path.suffix for path in (tmp_path / "vaneck" / "ETHV_holdings").iterdir()} == {".json"}
    assert ".xlsx" in {path.suffix for path in (tmp_path / "vaneck" / "HODL").iterdir()}


def test_the_page_of_the_fund_is_asked():
    class Publisher:
        def get(self, url):
            return Served(url, b"", datetime(2025, 11, 11))

    (served,) = SOURCE.fetch(Publisher(), "HODL", {}, date(2025, 11, 11))
    assert served.url == "https://www.vaneck.com/us/en/investments/bitcoin-etf-hodl/downloads/fundhistoprices/"
