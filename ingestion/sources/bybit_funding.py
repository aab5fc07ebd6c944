"""Funding of Bybit's perpetual contracts as it was settled, from its public interface v5.

What: the settlements of contracts on USDT and on coins, in windows of a closed month or day.
Limits: it does not say for how many hours a rate is.
Exercised: on made answers only, after the documented shape; nothing recorded, nothing live.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import bybit, derivatives
from ingestion.formats.closed_windows import fetch_windows
from ingestion.formats.derivatives import ASSETS, Text
from ingestion.source import Cadence, Fetcher, RowSource

FIRST_MONTH = date(2024, 1, 1)
INTERVAL = timedelta(hours=8)


class Settlement(msgspec.Struct, gc=False):
    """As served: milliseconds since 1970, and a fraction."""

    symbol: str
    fundingRate: Text
    fundingRateTimestamp: Text


class Result(msgspec.Struct):
    """The settlements."""

    list: list[Settlement]


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The windows since 2024 that were not read before.

    Raises:
        FetchFailed: Bybit could not be reached or answered with an error.
        PageRefused: an answer cannot be read, or has settlements of other times than asked for.
    """

    def address(start: datetime, end: datetime) -> str:
        return bybit.address("funding/history?", resource, start, end)

    yield from fetch_windows(http, address, _hours, archived, FIRST_MONTH, day, INTERVAL)


def parse(content: bytes) -> list[Settlement]:
    """The settlements in the order served.

    Raises:
        PageRefused: the answer is no list of them, or says that something is wrong.
    """
    return bybit.parse(content, Result).list


def frame(rows: list[Settlement], resource: str) -> pl.DataFrame:
    """The rate of each settlement; for how many hours it is is not known.

    Raises:
        PageRefused: a time or a rate that does not parse, a time near no hour, a settlement twice with different
            rates, or rows of another contract.
    """
    derivatives.check_contracts((row.symbol for row in rows), resource)
    lines = derivatives.instants(derivatives.texts(Settlement, rows), "fundingRateTimestamp")
    return derivatives.funding(
        derivatives.figures(lines, "fundingRate").select(settled_at="fundingRateTimestamp", rate="fundingRate"),
        asset=bybit.asset(resource),
        venue="bybit",
        contract=resource,
        kind="settled",
    )


def _hours(content: bytes) -> list[datetime]:
    return bybit.times(parse(content), "fundingRateTimestamp")


SOURCE = RowSource(
    name="bybit_funding",
    table="funding",
    description=__doc__,
    terms=bybit.TERMS,
    ext="json",
    key=derivatives.FUNDING_KEY,
    values=derivatives.FUNDING,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(minutes=10), late_after=timedelta(hours=36)),
    resources=(*(f"{asset}USDT" for asset in ASSETS), *bybit.INVERSE),
    fetch=fetch,
    parse=parse,
    frame=frame,
    is_opt_in=True,
)
