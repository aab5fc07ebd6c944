"""Shares outstanding and NAV of Morgan Stanley's crypto trusts on the newest day, as its fund pages state them.

What: the pricing that each fund's page loads.
Limits: it states one day only, so that a day on which nobody asked is missing for ever; the count has no day of its own
and is taken to be of the NAV's. An answer does not name its fund. The publisher refuses data centres.
Exercised: on made answers in the shape that public code reads; nothing recorded, nothing live.
"""

from collections.abc import Iterator, Mapping
from datetime import date

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import fund_days, fund_page
from ingestion.formats.fund_days import IssuerSource
from ingestion.formats.fund_page import Figure, Text
from ingestion.source import Fetcher

PRODUCTS = {"MSBT": "100761", "MSSE": "100770"}
URL = "https://www.morganstanley.com/im/json/imwebdata/data/product/EF/{id}/detail/en-pricing.json"


class Pricing(msgspec.Struct):
    """The fund's day, as served: USD per share to six decimals, and shares."""

    nav6f: Text
    navAsOfDate: str
    outstandingShares: Text


class Currency(msgspec.Struct):
    """The prices in one currency, as served."""

    pricings: Pricing


class ShareClass(msgspec.Struct):
    """A class of shares, as served."""

    currencies: list[Currency]


class Page(msgspec.Struct):
    """The page in one language, as served."""

    shareClasses: list[ShareClass]


class Answer(msgspec.Struct):
    """An answer, as served."""

    en: Page


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The fund's pricing as it is now.

    Raises:
        FetchFailed: Morgan Stanley could not be reached or answered with an error, as it does to data centres.
    """
    yield http.get(URL.format(id=PRODUCTS[resource]))


def parse(content: bytes) -> list[Pricing]:
    """The pricing of the only class in its only currency.

    Raises:
        PageRefused: it is a web page, cut off, of another shape, or of several classes or currencies.
    """
    classes = fund_page.decode(content, Answer).en.shareClasses
    found = [currency.pricings for each in classes for currency in each.currencies]
    if len(found) != 1:
        raise fund_days.refused(f"{len(found) or 'no'} pricing, expected one")
    return found


def frame(rows: list[Pricing], resource: str) -> pl.DataFrame:
    """Cells `shares_outstanding` and `nav_usd` of the day of the NAV.

    Raises:
        PageRefused: a figure that cannot be.
    """
    pricing = rows[0]
    figures = [
        Figure(pricing.navAsOfDate, "shares_outstanding", pricing.outstandingShares),
        Figure(pricing.navAsOfDate, "nav_usd", pricing.nav6f),
    ]
    return fund_days.frame(fund_page.days(figures), resource)


SOURCE = IssuerSource(
    name="morgan_stanley",
    description=__doc__,
    ext="json",
    newest="same_day",
    resources=tuple(PRODUCTS),
    fetch=fetch,
    parse=parse,
    frame=frame,
)
