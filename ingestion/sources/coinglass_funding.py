"""Funding of each coin as it was indicated, as CoinGlass shows it: over venues and of single ones.

What: its interface v4, for those who have a key: `all` is the mean over venues by open interest, at the end of each
four hours; of a venue, the rate at the end of each eight hours.
Limits: an indicated rate is what the next settlement would have been, and is paid by nobody: the kind `indicative`,
never added to settled rates. Figures are in percent there and fractions here. The mean is taken to be for eight hours,
by its size; that is not verified. Of a venue it is not said for how many hours a rate is. The newest period may not be
over and is left out. The key goes into a header and nowhere else.
Exercised: on answers of November 2025 rebuilt around recorded figures, and on made bytes; nothing live.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import polars as pl

from ingestion.archive import Served
from ingestion.formats import coinglass, derivatives
from ingestion.formats.coinglass import Bar
from ingestion.source import Cadence, Fetcher, RowSource

ASSETS = ("BTC", "ETH", "SOL", "XRP")
VENUES = ("binance", "bitget", "bybit", "gate", "htx", "hyperliquid", "mexc", "okx")
LENGTHS = {"all": timedelta(hours=4)} | dict.fromkeys(VENUES, timedelta(hours=8))


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The months since 2025 that were not read before, then the newest periods.

    Raises:
        FetchFailed: CoinGlass could not be reached or answered with an error.
        PageRefused: it does not accept the key, or an answer cannot be read.
    """
    asset, scope = resource.split("_")
    address = f"{coinglass.URL}/funding-rate/history?exchange={scope.upper()}&symbol={asset}&interval=8h"
    if scope == "all":
        address = f"{coinglass.URL}/funding-rate/oi-weight-history?symbol={asset}&interval=4h"
    yield from coinglass.fetch(http, address, LENGTHS[scope], archived, day)


def frame(rows: list[Bar], resource: str) -> pl.DataFrame:
    """The rate at the end of each period but the newest.

    Raises:
        PageRefused: a time or a number that does not parse, or a period twice with different figures.
    """
    asset, scope = resource.split("_")
    periods = coinglass.ended(rows, LENGTHS[scope])
    return derivatives.funding(
        periods.select(settled_at="end_at", rate=pl.col("close") / 100),
        asset=asset,
        venue=f"coinglass:{scope}",
        contract=asset,
        kind="indicative",
        interval_hours=8 if scope == "all" else None,
    )


SOURCE = RowSource(
    name="coinglass_funding",
    table="funding",
    description=__doc__,
    terms=coinglass.TERMS,
    ext="json",
    key=derivatives.FUNDING_KEY,
    values=derivatives.FUNDING,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(hours=9), late_after=timedelta(hours=24)),
    api_key=coinglass.KEY,
    resources=(*(f"{asset}_all" for asset in ASSETS), *(f"BTC_{venue}" for venue in VENUES)),
    fetch=fetch,
    parse=coinglass.parse,
    frame=frame,
    is_opt_in=True,
)
