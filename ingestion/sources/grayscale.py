"""Shares outstanding, NAV and net assets per day of Grayscale's crypto funds, as Grayscale publishes them.

What: the workbook "Product performance" of each fund: sheet "Daily Performance", one row per day, newest first.
Limits: a count is settlement-dated (T+1); NAV has two decimals; the newest row may settle late; a count is restated for
splits in its newest workbook only. The store now and then says that a workbook is not there, and has it a second later.
Exercised: on workbooks of GBTC and BTC rebuilt around recorded figures, and on made ones; never live.
"""

from collections.abc import Iterator, Mapping
from datetime import date

from ingestion.archive import Served
from ingestion.formats import fund_days, workbook
from ingestion.formats.fund_days import FundDay, IssuerSource
from ingestion.source import Fetcher

URL = "https://reporting-prod-20231113144948145500000003.s3.us-east-1.amazonaws.com/product-performance/{id}.xlsx"
IDS = {
    "GBTC": "672e88c7-dac6-4fcd-9069-18eef01a2c73",
    "BTC": "9ba286d6-3067-4153-b430-81d9d7a25696",
    "ETHE": "585fdb73-c55c-40cd-bb35-e1b532d72e70",
    "ETH": "52edbb6f-93e8-4b73-85f6-6b347706bc2a",
    "ZCSH": "c131f37d-6f8f-4af9-8645-346503081d6a",
}
SHEET = "Daily Performance"
FIGURES = {"Shares Outstanding": "shares_outstanding", "NAV Per Share": "nav_usd", "AUM": "net_assets_usd"}
DAY, TICKER = "Date", "OTC Ticker"


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The fund's workbook as it is now.

    Raises:
        FetchFailed: the publisher could not be reached or answered with an error.
    """
    yield fund_days.get_again(http, URL.format(id=IDS[resource]))


def parse(content: bytes) -> list[FundDay]:
    """The days of sheet "Daily Performance", in the order served; columns are found by their header.

    The ticker is the fund's where the sheet has it.

    Raises:
        PageRefused: no whole workbook, or without that sheet, one of its columns, or any day.
    """
    return fund_days.read_table(workbook.rows(content, SHEET), DAY, FIGURES, TICKER, is_fund_optional=True)


SOURCE = IssuerSource(
    name="grayscale",
    description=__doc__,
    ext="xlsx",
    newest="next_session",
    resources=tuple(IDS),
    fetch=fetch,
    parse=parse,
    frame=fund_days.frame,
)
