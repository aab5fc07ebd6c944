"""Open interest of Bybit's perpetual contracts every hour, from its public interface v5.

What: coins of contracts on USDT (linear), dollars of those on coins (inverse), whose contracts are one dollar each, so
without a price; in windows of a closed month or day, since September 2025.
Limits: the interface says no dollars of the first and no coins of the second, and no mark price beside them: both are
null, never 0. That a snapshot is of the time it is stamped with is taken from the documentation.
Exercised: on made answers only, after the documented shape; nothing recorded, nothing live.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import bybit, derivatives
from ingestion.formats.closed_windows import fetch_windows
from ingestion.formats.derivatives import Text
from ingestion.source import Cadence, Fetcher, RowSource

FIRST_MONTH = date(2025, 9, 1)
PERIOD = timedelta(hours=1)


class Snapshot(msgspec.Struct, gc=False):
    """As served: coins or dollars, milliseconds since 1970."""

    openInterest: Text
    timestamp: Text


class Result(msgspec.Struct):
    """The snapshots of a contract."""

    symbol: str
    list: list[Snapshot]


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The windows since September 2025 that were not read before.

    Raises:
        FetchFailed: Bybit could not be reached or answered with an error.
        PageRefused: an answer cannot be read, or has snapshots of other times than asked for.
    """

    def address(start: datetime, end: datetime) -> str:
        return bybit.address("open-interest?intervalTime=1h&", resource, start, end)

    yield from fetch_windows(http, address, _times, archived, FIRST_MONTH, day, PERIOD)


def parse(content: bytes) -> list[Result]:
    """The contract and its snapshots in the order served.

    Raises:
        PageRefused: the answer is none, or says that something is wrong.
    """
    return [bybit.parse(content, Result)]


def frame(rows: list[Result], resource: str) -> pl.DataFrame:
    """Coins or dollars of each snapshot.

    Raises:
        PageRefused: a time or number that does not parse or is below zero, a snapshot twice with different figures,
            or rows of another contract.
    """
    (result,) = rows
    derivatives.check_contracts([result.symbol], resource)
    lines = derivatives.instants(derivatives.texts(Snapshot, result.list), "timestamp")
    is_inverse = resource in bybit.INVERSE
    figure = "open_interest_usd" if is_inverse else "open_interest_native"
    return derivatives.open_interest(
        derivatives.figures(lines, "openInterest").select(
            pl.col("timestamp").alias("snapshot_at"), pl.col("openInterest").alias(figure)
        ),
        asset=bybit.asset(resource),
        venue="bybit",
        contract=resource,
        period_minutes=60,
        margin_kind="inverse" if is_inverse else "linear",
    )


def _times(content: bytes) -> list[datetime]:
    return bybit.times(parse(content)[0].list, "timestamp")


SOURCE = RowSource(
    name="bybit_open_interest",
    table="open_interest",
    description=__doc__,
    terms=bybit.TERMS,
    ext="json",
    key=derivatives.OPEN_INTEREST_KEY,
    values=derivatives.OPEN_INTEREST,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(minutes=10), late_after=timedelta(hours=36)),
    resources=(*(f"{asset}USDT" for asset in ("BTC", "ETH", "SOL", "XRP")), *bybit.INVERSE),
    fetch=fetch,
    parse=parse,
    frame=frame,
    is_opt_in=True,
)
