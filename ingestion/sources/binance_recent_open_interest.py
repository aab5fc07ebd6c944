"""Open interest of Binance's perpetual futures in the last weeks, from its public interface: what no file has yet.

What: coins and dollars of contracts on USDT, every five minutes of the last 41 hours; of an archive folder also every
four hours or once a day, as the interface gives them for 30 days.
Limits: where a file of binance_open_interest has a snapshot, that one counts. Since 25 June 2026 the interface, as the
files, labels a snapshot with the start of the five minutes that end with it (binance-public-data, issue 491); that this
holds for longer periods is not verified, so only five minutes are fetched.
Exercised: on answers of February and March 2026 rebuilt around recorded figures, and on made bytes; nothing live.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import derivatives
from ingestion.formats.derivatives import Text
from ingestion.source import Cadence, Fetcher, RowSource

URL = "https://fapi.binance.com/futures/data/openInterestHist?symbol={symbol}&period=5m&limit=500"
PERIODS = {"5m": 5, "4h": 240, "1d": 1440}
SYMBOLS = tuple(f"{asset}USDT" for asset in ("BTC", "ETH", "SOL", "XRP"))
LABELS_ARE_STARTS_FROM = datetime(2026, 6, 25)


class Snapshot(msgspec.Struct):
    """As served: coins, dollars, milliseconds since 1970."""

    symbol: str
    sumOpenInterest: Text
    sumOpenInterestValue: Text
    timestamp: Text


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The last 500 snapshots of five minutes; nothing of a longer period.

    Raises:
        FetchFailed: Binance could not be reached or answered with an error.
    """
    symbol, period = resource.split("_")
    if period == "5m":
        yield http.get(URL.format(symbol=symbol))


def parse(content: bytes) -> list[Snapshot]:
    """The snapshots in the order served.

    Raises:
        PageRefused: the answer is no list of them.
    """
    return derivatives.read_json(content, list[Snapshot])


def frame(rows: list[Snapshot], resource: str) -> pl.DataFrame:
    """Coins and dollars of each snapshot.

    Raises:
        PageRefused: a time or number that does not parse or is below zero, a snapshot twice with different figures,
            or rows of another contract.
    """
    symbol, period = resource.split("_")
    derivatives.check_contracts((row.symbol for row in rows), symbol)
    lines = derivatives.instants(derivatives.texts(Snapshot, rows), "timestamp")
    lines = derivatives.figures(lines, "sumOpenInterest", "sumOpenInterestValue")
    label = pl.col("timestamp")
    return derivatives.open_interest(
        lines.select(
            snapshot_at=pl.when(label >= LABELS_ARE_STARTS_FROM).then(label + timedelta(minutes=5)).otherwise(label),
            open_interest_native="sumOpenInterest",
            open_interest_usd="sumOpenInterestValue",
        ),
        asset=symbol.removesuffix("USDT"),
        venue="binance",
        contract=symbol,
        period_minutes=PERIODS[period],
        margin_kind="linear",
    )


SOURCE = RowSource(
    name="binance_recent_open_interest",
    table="open_interest",
    description=__doc__,
    terms="No redistribution terms found; fetching is opt-in.",
    ext="json",
    key=derivatives.OPEN_INTEREST_KEY,
    values=derivatives.OPEN_INTEREST,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(minutes=10), late_after=timedelta(hours=24)),
    resources=tuple(f"{symbol}_{period}" for symbol in SYMBOLS for period in PERIODS),
    fetch=fetch,
    parse=parse,
    frame=frame,
    is_opt_in=True,
)
