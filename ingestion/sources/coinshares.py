"""Shares, coins, net assets and NAV of CoinShares' Bitcoin ETF (BRRR) on the newest day, for those who have a key.

What: two widgets of the interface behind its fund page: what the fund holds, and its NAV.
Limits: they state one day each, so that a day on which nobody asked is missing for ever. The interface reads the key
from the address only, to which it is added as the request is sent. Counts are trade-dated.
Exercised: on answers that were rebuilt around recorded figures, and on made ones; never live.
"""

from collections.abc import Iterator, Mapping
from datetime import date

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import fund_days, fund_page
from ingestion.formats.fund_days import IssuerSource
from ingestion.formats.fund_page import Figure, Text
from ingestion.source import ApiKey, Fetcher

HOLDINGS, DAILY, COIN = "VALKYRIE_HOLDINGS_BRRR", "VALKYRIE_DAILY_BRRR", "Bitcoin"
URL = f"https://www-api.coinshares.com/api/v2/Widgets?names={HOLDINGS},{DAILY}"


class Fact(msgspec.Struct):
    """One fact of a section, as served."""

    key: str
    value: Text = None


class Section(msgspec.Struct):
    """A section of a widget: a holding, or the fund's day."""

    meta: list[Fact] = []


class Widget(msgspec.Struct):
    """A widget, as served."""

    key: str
    sections: list[Section] = []


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """Both widgets as they are now.

    Raises:
        FetchFailed: CoinShares could not be reached, does not accept the key, or answered with an error.
    """
    yield http.get(URL)


def parse(content: bytes) -> list[Widget]:
    """The widgets in the order served.

    Raises:
        PageRefused: they are a web page, cut off, or of another shape, as an answer is that does not accept the key.
    """
    return fund_page.decode(content, list[Widget])


def frame(rows: list[Widget], resource: str) -> pl.DataFrame:
    """Cells `shares_outstanding`, `native_held`, `net_assets_usd` and `nav_usd`, each of the day it is stamped with.

    Raises:
        PageRefused: a widget is not there, as that of another fund or without a key, or a figure cannot be.
    """
    holdings = [_facts(section) for section in _widget(rows, HOLDINGS)]
    held = holdings[fund_page.only((str(facts.get("securityname", "")) for facts in holdings), COIN)]
    daily = {name: value for section in _widget(rows, DAILY) for name, value in _facts(section).items()}
    figures = [
        Figure(str(held.get("date", "")), "shares_outstanding", held.get("sharesoutstanding")),
        Figure(str(held.get("date", "")), "native_held", held.get("shares")),
        Figure(str(held.get("date", "")), "net_assets_usd", held.get("netassets")),
        Figure(str(daily.get("RateDate", "")), "nav_usd", daily.get("NAV")),
    ]
    fund_page.check_net_assets(held.get("netassets"), held.get("sharesoutstanding"), daily.get("NAV"))
    return fund_days.frame(fund_page.days(figures), resource)


def _widget(rows: list[Widget], name: str) -> list[Section]:
    found = [widget.sections for widget in rows if widget.key == name]
    if len(found) != 1:
        raise fund_days.refused(f"{len(found) or 'no'} widget {name}, expected one (was the key accepted?)")
    return found[0]


def _facts(section: Section) -> dict[str, Text]:
    return {fact.key: fact.value for fact in section.meta}


SOURCE = IssuerSource(
    name="coinshares",
    description=__doc__,
    terms="No terms for the data were found; asked only with a key of your own.",
    ext="json",
    newest="same_day",
    api_key=ApiKey("coinshares", parameter="ApiKey"),
    resources=("BRRR",),
    fetch=fetch,
    parse=parse,
    frame=frame,
)
