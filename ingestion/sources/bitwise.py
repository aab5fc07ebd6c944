"""Shares, net assets and coins of Bitwise's crypto funds on the newest day, as their pages state them.

What: the data that each fund's page has embedded for its own scripts (`__NEXT_DATA__`).
Limits: a page states one day only, so that a day on which nobody asked is missing for ever. The NAV that it prints is a
session behind its count and is not read: net assets by shares is that of the count's day. A page is dated with the
session before the day it is looked at, and its counts are trade-dated.
Exercised: on pages of BITB and BSOL that were rebuilt around recorded figures, and on made ones; never live.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import NamedTuple

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import bounds, fund_days, fund_page
from ingestion.formats.fund_days import IssuerSource
from ingestion.formats.fund_page import Figure, Text
from ingestion.source import Fetcher


class Fund(NamedTuple):
    """A fund's page, and how it calls the fund's coin."""

    url: str
    coin: str


FUNDS = {
    "BITB": Fund("https://bitbetf.com/", "Bitcoin"),
    "ETHW": Fund("https://ethwetf.com/", "Ether"),
    "BSOL": Fund("https://bsoletf.com/", "Solana"),
    "NRR": Fund("https://nrretf.com/", "Near"),
    "BHYP": Fund("https://www.bhypetf.com/", "Hyperliquid"),
}
EMBEDDED = re.compile(rb'<script id="__NEXT_DATA__"[^>]*>(.*?)</script>', re.DOTALL)


class Holding(msgspec.Struct):
    """One holding, as served."""

    companyName: str
    shares: Text


class Holdings(msgspec.Struct):
    """What the fund holds, as served; the day is its own."""

    asOfDate: str
    basket: list[Holding]


class Details(msgspec.Struct):
    """The fund on a day, as served: USD and shares."""

    asOfDate: str
    netAssets: Text
    sharesOutstanding: Text


class Printed(msgspec.Struct):
    """The NAV that the page shows, as served: of the session before the one of the count."""

    nav: Text = None


class FundData(msgspec.Struct):
    """The fund's data, as served."""

    fundDetails: Details
    holdings: Holdings
    navAndMarketPrice: Printed | None = None


class PageProps(msgspec.Struct):
    """The page's data; pages were seen with the fund's data in it, and with them one level deeper."""

    fundData: msgspec.Raw


class Props(msgspec.Struct):
    """What a page's scripts are given."""

    pageProps: PageProps


class Embedded(msgspec.Struct):
    """What a page has embedded."""

    props: Props


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The fund's page as it is now.

    Raises:
        FetchFailed: Bitwise could not be reached or answered with an error.
    """
    yield http.get(FUNDS[resource].url)


def parse(content: bytes) -> list[FundData]:
    """The data that a page has embedded, once.

    Raises:
        PageRefused: it has none, as a challenge, a stub or a cut page, or data of another shape.
    """
    if bounds.is_too_large(content):
        raise fund_days.refused(f"{len(content):,} bytes, which no page of a fund has")
    found = EMBEDDED.findall(content)
    if len(found) != 1:
        raise fund_days.refused(
            f"{len(found) or 'no'} whole fund data embedded, expected one (a challenge for browsers, or a cut page)"
        )
    data = bytes(fund_page.decode(found[0], Embedded).props.pageProps.fundData)
    deeper = fund_page.decode(data, dict[str, msgspec.Raw]).get("data")
    return [fund_page.decode(bytes(deeper) if deeper else data, FundData)]


def frame(rows: list[FundData], resource: str) -> pl.DataFrame:
    """Cells `shares_outstanding`, `net_assets_usd` and `native_held`, each of the day that it is stamped with.

    Raises:
        PageRefused: another fund's page, or a figure that cannot be.
    """
    details, holdings, printed = rows[0].fundDetails, rows[0].holdings, rows[0].navAndMarketPrice
    coin = fund_page.only((each.companyName for each in holdings.basket), FUNDS[resource].coin)
    figures = [
        Figure(details.asOfDate, "shares_outstanding", details.sharesOutstanding),
        Figure(details.asOfDate, "net_assets_usd", details.netAssets),
        Figure(holdings.asOfDate, "native_held", holdings.basket[coin].shares),
    ]
    if printed is not None:
        fund_page.check_net_assets(details.netAssets, details.sharesOutstanding, printed.nav)
    return fund_days.frame(fund_page.days(figures), resource)


SOURCE = IssuerSource(
    name="bitwise",
    description=__doc__,
    ext="html",
    newest="same_day",
    resources=tuple(FUNDS),
    fetch=fetch,
    parse=parse,
    frame=frame,
)
