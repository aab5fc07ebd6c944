"""Shares outstanding and NAV per day of WisdomTree's Bitcoin fund (BTCW), as WisdomTree publishes them.

What: the history behind its fund page: one answer with every day.
Limits: net assets are printed there in thousands of US$; they are not read, but have to fit count and NAV. Cloudflare
often asks for a browser, which is an error, never an empty table. Counts are settlement-dated (T+1).
Exercised: on made answers in the shape that public code reads; nothing recorded, nothing live.
"""

from collections.abc import Iterator, Mapping
from datetime import date

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import fund_days, fund_page
from ingestion.formats.fund_days import FundDay, IssuerSource
from ingestion.formats.fund_page import Text
from ingestion.source import Fetcher

CLASSES = {"BTCW": "48684713"}
URL = "https://www.wisdomtree.com/api/fund-history/{id}"
THOUSAND = 1_000


class Day(msgspec.Struct):
    """One day, as served: net assets (`aum`) in thousands of US$; the ticker may have its exchange behind it."""

    dt: str
    nav: Text
    sharesOutstanding: Text
    aum: Text = None
    ticker: str | None = None


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The whole history as it is now.

    Raises:
        FetchFailed: WisdomTree could not be reached, asks for a browser, or answered with an error.
    """
    yield http.get(URL.format(id=CLASSES[resource]))


def parse(content: bytes) -> list[Day]:
    """The days in the order served.

    Raises:
        PageRefused: they are a web page, cut off, of another shape, or none.
    """
    days = fund_page.decode(content, list[Day])
    if not any(day.sharesOutstanding for day in days):
        raise fund_days.refused("no day with a count")
    return days


def frame(rows: list[Day], resource: str) -> pl.DataFrame:
    """Cells `shares_outstanding` and `nav_usd` of each day.

    Raises:
        PageRefused: another fund's history, net assets that do not fit, or a figure that cannot be.
    """
    for row in rows:
        fund_page.check_net_assets(row.aum, row.sharesOutstanding, row.nav, THOUSAND)
    days = [
        FundDay(
            row.dt,
            fund_page.texts(shares_outstanding=row.sharesOutstanding, nav_usd=row.nav),
            (row.ticker or "").partition(" ")[0],
        )
        for row in rows
    ]
    return fund_days.frame(days, resource)


SOURCE = IssuerSource(
    name="wisdomtree",
    description=__doc__,
    ext="json",
    newest="same_day",
    resources=tuple(CLASSES),
    fetch=fetch,
    parse=parse,
    frame=frame,
)
