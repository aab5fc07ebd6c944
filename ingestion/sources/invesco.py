"""Shares, NAV, net assets and coins of Invesco's crypto funds, as the interface behind its fund pages states them.

What: of each fund, `prices` (count and NAV) and `details` (coins and net assets) of the newest day, and `navs`, the NAV
of every day.
Limits: a count is of one day only, so that a day on which nobody asked is missing for ever. An answer does not name its
fund. Counts are trade-dated.
Exercised: on answers of BTCO that were rebuilt around recorded figures, and on made ones; never live, and navs and QETH
on made ones alone.
"""

from collections.abc import Iterator, Mapping
from datetime import date

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import fund_days, fund_page
from ingestion.formats.fund_days import FundDay, IssuerSource
from ingestion.formats.fund_page import Figure, Text
from ingestion.source import Fetcher

URL = "https://dng-api.invesco.com/cache/v1/accounts/en_US/shareclasses"
CUSIPS = {"BTCO": "46091J101", "QETH": "46148D107"}
QUESTIONS = {
    "prices": "/prices?idType=cusip&variationType=priceListing&productType=ETF&productSubType=ETF-Non-40%20Act",
    "details": "?expand=nav&idType=cusip&variationType=fundDetails&productType=ETF",
    "navs": "/navs?idType=cusip&productType=ETF",
}


class Point(msgspec.Struct):
    """The NAV of one day in USD per share, as served."""

    date: str
    value: Text


class Line(msgspec.Struct):
    """A line of a chart, as served."""

    data: list[Point]


class Answer(msgspec.Struct):
    """What any of the questions is answered, as served: prices, details, or navs."""

    effectiveDate: str = ""
    nav: Text = None
    sharesOutstanding: Text = None
    units: Text = None
    shareclassTotalNetAssets: Text = None
    lineChartData: list[Line] = []
    cusip: str = ""


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The answer to one question about a fund as it is now.

    Raises:
        FetchFailed: Invesco could not be reached or answered with an error.
    """
    ticker, question = resource.split("_")
    yield http.get(f"{URL}/{CUSIPS[ticker]}{QUESTIONS[question]}")


def parse(content: bytes) -> list[Answer]:
    """The answer, once.

    Raises:
        PageRefused: it is a web page, cut off, or of another shape.
    """
    return [fund_page.decode(content, Answer)]


def frame(rows: list[Answer], resource: str) -> pl.DataFrame:
    """Cells `shares_outstanding` and `nav_usd` of prices, `native_held` and `net_assets_usd` of details, or `nav_usd`.

    Raises:
        PageRefused: the answer to another question or about another fund, or a figure that cannot be.
    """
    answer, (ticker, question) = rows[0], resource.split("_")
    if answer.cusip not in ("", CUSIPS[ticker]):
        raise fund_days.refused(f"figures of {answer.cusip[:20]!r} where those of {CUSIPS[ticker]} ({ticker}) belong")
    if question == "navs":
        if len(answer.lineChartData) != 1:
            raise fund_days.refused(f"{len(answer.lineChartData)} lines of NAVs, expected one")
        points = answer.lineChartData[0].data
        return fund_days.frame([FundDay(each.date, fund_page.texts(nav_usd=each.value)) for each in points], ticker)
    if question == "prices":
        figures = [
            Figure(answer.effectiveDate, "shares_outstanding", answer.sharesOutstanding),
            Figure(answer.effectiveDate, "nav_usd", answer.nav),
        ]
    else:
        figures = [
            Figure(answer.effectiveDate, "native_held", answer.units),
            Figure(answer.effectiveDate, "net_assets_usd", answer.shareclassTotalNetAssets),
        ]
    return fund_days.frame(fund_page.days(figures), ticker)


SOURCE = IssuerSource(
    name="invesco",
    description=__doc__,
    ext="json",
    newest="same_day",
    resources=tuple(f"{ticker}_{question}" for ticker in CUSIPS for question in QUESTIONS),
    fetch=fetch,
    parse=parse,
    frame=frame,
)
