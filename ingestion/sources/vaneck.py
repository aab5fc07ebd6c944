"""NAV and net assets per day of VanEck's Bitcoin fund HODL, and today's coins of HODL and ETHV, as VanEck states them.

What: the workbook "Historical Prices" of the product page: one row per day, newest first, days as m/d/Y, the header
below a title; a quarter of the rows are weekends, on which nothing changes. `HODL_holdings` is the page's list.
Limits: holdings are of one day, in whole coins. No count is printed: it follows in the marts from net assets and NAV,
as whole creation units. It is settlement-dated (T+1). The days before the split of 4 for 1 are not restated.
Exercised: on a workbook and holdings of HODL rebuilt around recorded figures, and on made ones; never live.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import fund_days, fund_page, workbook
from ingestion.formats.fund_days import FundDay, IssuerSource
from ingestion.formats.fund_page import Figure, Text
from ingestion.source import Fetcher

URL = "https://www.vaneck.com/us/en/investments/{page}/downloads/fundhistoprices/"
PAGES = {"HODL": "bitcoin-etf-hodl"}
FIGURES = {"NAV": "nav_usd", "AUM": "net_assets_usd"}
DAY = "Date"
TITLE = re.compile(r"VanEck .*\(([A-Z]{3,5})\)")

HOLDINGS_URL = "https://www.vaneck.com/Main/HoldingsBlock/GetDataset/?blockId={block}&pageId={page}&ticker={ticker}"
HOLDINGS = {"HODL": ("348327", "243755"), "ETHV": ("348326", "280216")}
COINS = {"HODL": "Bitcoin", "ETHV": "Ether"}
COOKIE = {"Cookie": "vaneck_cookies=1"}
"""Without it the page asks about cookies first."""


class Holding(msgspec.Struct):
    """One holding, as served: its day and its whole coins."""

    HoldingName: str
    Shares: Text
    AsOfDate: str


class Holdings(msgspec.Struct):
    """What a fund holds, as served."""

    Holdings: list[Holding]


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The fund's workbook, or its holdings, as they are now.

    Raises:
        FetchFailed: the publisher could not be reached or answered with an error.
    """
    ticker, _, is_holdings = resource.partition("_")
    if is_holdings:
        block, page = HOLDINGS[ticker]
        yield http.get(HOLDINGS_URL.format(block=block, page=page, ticker=ticker), COOKIE)
        return
    yield http.get(URL.format(page=PAGES[resource]))


def parse(content: bytes) -> list[FundDay]:
    """The days of the first sheet, in the order served; columns are found by their header, the fund by the title.

    Of holdings it is the day of the one coin among them, which tells the fund.

    Raises:
        PageRefused: neither a whole workbook nor holdings, or without one of its columns, any day, or the coin.
    """
    if not workbook.is_workbook(content):
        return _held(fund_page.decode(content, Holdings).Holdings)
    rows = workbook.rows(content)
    titles = [match[1] for row in rows for cell in row[:1] if (match := TITLE.fullmatch(cell))]
    return [each._replace(fund=(*titles, "")[0]) for each in fund_days.read_table(rows, DAY, FIGURES)]


def frame(rows: list[FundDay], resource: str) -> pl.DataFrame:
    """Cells `nav_usd` and `net_assets_usd` of each day, or `native_held` of the holdings' one.

    Raises:
        PageRefused: a workbook in place of holdings or the reverse, or as `fund_days.frame` says.
    """
    ticker, _, is_holdings = resource.partition("_")
    if bool(is_holdings) != ("native_held" in rows[0].figures):
        raise fund_days.refused(f"a workbook in place of holdings, or the reverse, as {resource}")
    return fund_days.frame(rows, ticker)


def _held(holdings: list[Holding]) -> list[FundDay]:
    tickers = {name.lower(): ticker for ticker, coin in COINS.items() for name in (coin, *fund_page.ALSO.get(coin, ()))}
    coins = [(tickers[name], each) for each in holdings if (name := each.HoldingName.strip().lower()) in tickers]
    if len(coins) != 1:
        raise fund_days.refused(f"{len(coins) or 'no'} holdings of a coin, expected one")
    ((ticker, coin),) = coins
    fund_page.check_whole(coin.Shares)
    return [each._replace(fund=ticker) for each in fund_page.days([Figure(coin.AsOfDate, "native_held", coin.Shares)])]


SOURCE = IssuerSource(
    name="vaneck",
    description=__doc__,
    ext="xlsx",
    newest="next_session",
    resources=(*PAGES, *(f"{ticker}_holdings" for ticker in HOLDINGS)),
    exts={f"{ticker}_holdings": "json" for ticker in HOLDINGS},
    fetch=fetch,
    parse=parse,
    frame=frame,
)
