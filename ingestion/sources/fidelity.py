"""Coins, and coins per share, of Fidelity's crypto funds on the newest day, as its quote page states them.

What: what its research page asks for itself: the page and a token first, then the quote of one fund.
Limits: a quote states one day only, so that a day on which nobody asked is missing for ever. Its share count
(`freeFloatShares`) lags and its net assets are old, so that neither is read: the count follows from the coins and coins
per share, as whole creation units, if the latter have digits enough. The NAV is of its own day, the count's day is that
of the trades. The publisher may refuse whatever is no browser; the European and Canadian sites have other funds.
Exercised: on made answers in the shape that public code reads; nothing recorded, nothing live.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import fund_days, fund_page
from ingestion.formats.fund_days import IssuerSource
from ingestion.formats.fund_page import Figure, Text
from ingestion.source import Fetcher

SITE = "https://digital.fidelity.com/prgw/digital/research"
FUNDS = ("FBTC", "FETH")

MOST_SHARES_OFF = 5_000
"""By which a count may be wrong that follows from coins per share as printed: a fifth of a creation unit."""


class Tokens(msgspec.Struct):
    """What a question has to carry, as served."""

    csrfToken: str


class Coins(msgspec.Struct):
    """Coins in the fund and coins per share, as served."""

    totalUnitPerCoin: Text
    unitPerShare: Text
    asOfDate: str


class Nav(msgspec.Struct):
    """A NAV per share in USD, as served."""

    value: Text
    asOfDate: str


class QuoteData(msgspec.Struct):
    """The quote of a fund, as served."""

    cryptoDetails: Coins
    navPreviousDay: Nav | None = None
    symbol: str = ""


class Quote(msgspec.Struct):
    """An answer, as served."""

    quoteData: QuoteData


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The quote of the fund as it is now.

    Raises:
        FetchFailed: Fidelity could not be reached or answered with an error, as it may to whatever is no browser.
        PageRefused: it gives no token to ask with.
    """
    page = f"{SITE}/quote/dashboard/summary?symbol={resource}"
    http.get(page)  # its cookies belong to the token
    token = fund_page.decode(http.get(f"{SITE}/api/tokens", {"Referer": page}).content, Tokens).csrfToken
    question = msgspec.json.encode({"symbol": resource})
    yield http.post(f"{SITE}/api/quote#{resource}", question, {"Referer": page, "X-CSRF-TOKEN": token})


def parse(content: bytes) -> list[QuoteData]:
    """The quote, once.

    Raises:
        PageRefused: it is a web page, cut off, or of another shape, as the quote of a fund without coins is.
    """
    return [fund_page.decode(content, Quote).quoteData]


def frame(rows: list[QuoteData], resource: str) -> pl.DataFrame:
    """Cells `native_held`, `native_per_share` and `nav_usd`, each of the day that it is stamped with.

    Raises:
        PageRefused: another fund's quote, or a figure that cannot be.
    """
    quote = rows[0]
    if quote.symbol not in ("", resource):
        raise fund_days.refused(f"the quote of {quote.symbol[:20]!r} where that of {resource} belongs")
    coins, nav = quote.cryptoDetails, quote.navPreviousDay
    figures = [
        Figure(coins.asOfDate, "native_held", coins.totalUnitPerCoin),
        Figure(coins.asOfDate, "native_per_share", coins.unitPerShare),
        *([Figure(nav.asOfDate, "nav_usd", nav.value)] if nav else []),
    ]
    cells = fund_days.frame(fund_page.days(figures), resource)
    return cells if _has_digits_enough(coins) else cells.filter(pl.col("metric") != "native_per_share")


def _has_digits_enough(coins: Coins) -> bool:
    """Whether the count is known to a part of a creation unit, where coins per share are off by half a last digit."""
    held, per_share = fund_page.number(coins.totalUnitPerCoin), fund_page.number(coins.unitPerShare)
    if held is None or per_share is None:
        return False
    half = Decimal((0, (5,), int(per_share.as_tuple().exponent) - 1))
    return held / per_share - held / (per_share + half) <= MOST_SHARES_OFF


SOURCE = IssuerSource(
    name="fidelity",
    description=__doc__,
    ext="json",
    newest="same_day",
    resources=FUNDS,
    fetch=fetch,
    parse=parse,
    frame=frame,
)
