"""Open interest of OKX's perpetual swaps each UTC day, from its public interface.

What: coins and dollars of swaps on USDT (linear) and on coins (inverse), one figure a day for the last 100 days.
Limits: OKX keeps hours for days only, so each ask adds what is new and history grows from the first one. A figure is
labelled with the start of its day and taken for that at its end, as those do who compared it with live figures; this is
not verified. The newest day is not over and is left out.
Exercised: on made answers only, after the documented shape; nothing recorded, nothing live.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import derivatives
from ingestion.formats.derivatives import Text, refused
from ingestion.source import Cadence, Fetcher, RowSource

URL = "https://www.okx.com/api/v5/rubik/stat/contracts/open-interest-history?instId={swap}&period=1Dutc&limit=100"
SWAPS = (*(f"{asset}-USDT-SWAP" for asset in ("BTC", "ETH", "SOL", "XRP")), "BTC-USD-SWAP", "ETH-USD-SWAP")
DAY = timedelta(days=1)


class Snapshot(msgspec.Struct, array_like=True, gc=False):
    """As served: milliseconds since 1970, contracts, coins, dollars."""

    ts: Text
    oi: Text
    oiCcy: Text
    oiUsd: Text


class Answer(msgspec.Struct):
    """An answer, as served: code "0", or what is wrong with status 200 all the same."""

    code: Text
    msg: str = ""
    data: list[Snapshot] = msgspec.field(default_factory=list)


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The last 100 days.

    Raises:
        FetchFailed: OKX could not be reached or answered with an error.
    """
    yield http.get(URL.format(swap=resource))


def parse(content: bytes) -> list[Snapshot]:
    """The days in the order served.

    Raises:
        PageRefused: the answer is no list of them, or says that something is wrong.
    """
    answer: Answer = derivatives.read_json(content, Answer)
    if str(answer.code) != "0":
        raise refused(f"the error {str(answer.code)[:20]!r} of OKX ({answer.msg[:100]!r})")
    return answer.data


def frame(rows: list[Snapshot], resource: str) -> pl.DataFrame:
    """Coins and dollars at the end of each day but the newest.

    Raises:
        PageRefused: a time other than the start of a UTC day, a number that does not parse or is below zero, or a day
            twice with different figures.
    """
    lines = derivatives.instants(derivatives.texts(Snapshot, rows), "ts")
    if (lines["ts"] != lines["ts"].dt.truncate(DAY)).any():
        raise refused("a figure of another time than the start of a UTC day")
    lines = derivatives.figures(lines.filter(pl.col("ts") < pl.col("ts").max()), "oiCcy", "oiUsd")
    return derivatives.open_interest(
        lines.select(snapshot_at=pl.col("ts") + DAY, open_interest_native="oiCcy", open_interest_usd="oiUsd"),
        asset=resource.partition("-")[0],
        venue="okx",
        contract=resource,
        period_minutes=1440,
        margin_kind="linear" if resource.endswith("-USDT-SWAP") else "inverse",
    )


SOURCE = RowSource(
    name="okx_open_interest",
    table="open_interest",
    description=__doc__,
    terms="OKX's terms are silent on redistribution; fetching is opt-in.",
    ext="json",
    key=derivatives.OPEN_INTEREST_KEY,
    values=derivatives.OPEN_INTEREST,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(minutes=30), late_after=timedelta(hours=36)),
    resources=SWAPS,
    fetch=fetch,
    parse=parse,
    frame=frame,
    is_opt_in=True,
)
