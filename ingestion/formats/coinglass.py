"""Histories of CoinGlass's interface v4, for those who have a key: periods with open, high, low and close."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import derivatives
from ingestion.formats.closed_windows import windows
from ingestion.formats.derivatives import Text, refused
from ingestion.source import ApiKey, Fetcher

KEY = ApiKey("coinglass", "CG-API-KEY")
HOST = "https://open-api-v4.coinglass.com/api"
URL = f"{HOST}/futures"
TERMS = "CoinGlass's terms allow internal use only; asked only with a key of your own."
LIMIT = 1000
FIRST_MONTH = date(2025, 1, 1)
FIGURES = ("open", "high", "low", "close")


class Bar(msgspec.Struct, gc=False):
    """One period, as served: when it began, in milliseconds since 1970, and its figures."""

    time: Text
    open: Text
    high: Text
    low: Text
    close: Text


class Answer(msgspec.Struct):
    """An answer, as served: code "0", or what is wrong with status 200 all the same."""

    code: Text
    msg: str = ""
    data: list[Bar] | None = None


def parse(content: bytes) -> list[Bar]:
    """The periods in the order served.

    Raises:
        PageRefused: the answer is no such history, or says that something is wrong.
    """
    answer: Answer = derivatives.read_json(content, Answer)
    check_code(str(answer.code), answer.msg)
    return answer.data or []


def check_code(code: str, message: str) -> None:
    """Refuse an answer whose code is not "0".

    Raises:
        PageRefused: it is not.
    """
    if code != "0":
        raise refused(f"the error {code[:20]!r} of CoinGlass ({message[:100]!r})")


def fetch(
    http: Fetcher,
    address: str,
    length: timedelta,
    archived: Mapping[str, str],
    day: date,
    periods: Callable[[bytes], Sequence[object]] = parse,
) -> Iterator[Served]:
    """The months that the newest periods do not reach back to and that were not read before, then the newest periods.

    Args:
        address: of the newest periods, without their number.
        length: of a period.
        periods: those of an answer.

    Raises:
        FetchFailed: CoinGlass could not be reached or answered with an error.
        PageRefused: it does not accept the key, or an answer cannot be read.
    """
    newest = f"{address}&limit={LIMIT}"
    reached = datetime.combine(day, datetime.min.time()) - length * (LIMIT - 1)
    for start, end in windows(FIRST_MONTH, day):
        # one period more, since the newest of an answer is left out
        first, last = derivatives.milliseconds(start), derivatives.milliseconds(end + length)
        month = f"{newest}&start_time={first}&end_time={last}"
        if start < reached and month not in archived:
            yield from _with_periods(http, month, periods)
    yield from _with_periods(http, newest, periods)


def ended(rows: list[Bar], length: timedelta) -> pl.DataFrame:
    """When each period but the newest, which may not be over, ended, and its figures: end_at, open, high, low, close.

    Raises:
        PageRefused: a time or a number that does not parse, a time that begins no period, or a low above or a high
            below the close.
    """
    bars = derivatives.figures(derivatives.instants(derivatives.texts(Bar, rows), "time"), *FIGURES)
    if (bars["time"] != bars["time"].dt.truncate(length)).any():
        raise refused("a period that begins at another time than its length allows")
    if (bars["low"] > bars["close"]).any() or (bars["high"] < bars["close"]).any():
        raise refused("a close beyond the bounds of its period")
    over = bars.filter(pl.col("time") < pl.col("time").max())
    return over.select((pl.col("time") + length).alias("end_at"), *FIGURES)


def _with_periods(http: Fetcher, address: str, periods: Callable[[bytes], Sequence[object]]) -> list[Served]:
    """What is served there; nothing where it has no period that is over."""
    served = http.get(address)
    return [served] if len(periods(served.content)) > 1 else []
