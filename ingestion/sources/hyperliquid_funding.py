"""Funding of Hyperliquid's perpetual contracts as it was settled, each hour, from its public interface.

What: the settlements of a coin in windows of a closed month or day, since September 2025; 500 in one answer.
Limits: a settlement is stamped some milliseconds from its hour, which is what counts here. The interface is asked by
POST; an address in the archive has the question behind `#`.
Exercised: on made answers only, after the documented shape; nothing recorded, nothing live.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import derivatives
from ingestion.formats.closed_windows import fetch_windows
from ingestion.formats.derivatives import ASSETS, Text
from ingestion.source import NO_HEADERS, Cadence, Fetcher, RowSource

URL = "https://api.hyperliquid.xyz/info"
FIRST_MONTH = date(2025, 9, 1)
HOUR = timedelta(hours=1)


class Settlement(msgspec.Struct, gc=False):
    """As served: a fraction, milliseconds since 1970."""

    coin: str
    fundingRate: Text
    time: Text


class Question(msgspec.Struct):
    """About the settlements of a coin from `startTime` to `endTime`, in milliseconds since 1970."""

    coin: str
    startTime: int
    endTime: int
    type: str = "fundingHistory"


class _Asking:
    """Gets an address by asking the question behind its `#`."""

    def __init__(self, http: Fetcher):
        self._http = http

    def get(self, url: str, headers: Mapping[str, str] = NO_HEADERS) -> Served:
        return self._http.post(url, url.partition("#")[2].encode(), headers)

    def post(self, url: str, body: bytes, headers: Mapping[str, str] = NO_HEADERS) -> Served:
        return self._http.post(url, body, headers)


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The windows since September 2025 that were not read before.

    Raises:
        FetchFailed: Hyperliquid could not be reached or answered with an error.
        PageRefused: an answer cannot be read, or has settlements of other times than asked for.
    """

    def address(start: datetime, end: datetime) -> str:
        question = Question(resource, derivatives.milliseconds(start), derivatives.milliseconds(end) - 1)
        return f"{URL}#{msgspec.json.encode(question).decode()}"

    yield from fetch_windows(_Asking(http), address, _times, archived, FIRST_MONTH, day, HOUR)


def parse(content: bytes) -> list[Settlement]:
    """The settlements in the order served.

    Raises:
        PageRefused: the answer is no list of them.
    """
    return derivatives.read_json(content, list[Settlement])


def frame(rows: list[Settlement], resource: str) -> pl.DataFrame:
    """The rate of each settlement.

    Raises:
        PageRefused: a time or a rate that does not parse, a time near no hour, a settlement twice with different
            rates, or rows of another coin.
    """
    derivatives.check_contracts((row.coin for row in rows), resource)
    lines = derivatives.instants(derivatives.texts(Settlement, rows), "time")
    return derivatives.funding(
        derivatives.figures(lines, "fundingRate").select(settled_at="time", rate="fundingRate"),
        asset=resource,
        venue="hyperliquid",
        contract=resource,
        kind="settled",
        interval_hours=1,
    )


def _times(content: bytes) -> list[datetime]:
    lines = derivatives.instants(derivatives.texts(Settlement, parse(content)), "time")
    return lines["time"].to_list()


SOURCE = RowSource(
    name="hyperliquid_funding",
    table="funding",
    description=__doc__,
    terms="No terms for the data were found, so fetching is opt-in.",
    ext="json",
    key=derivatives.FUNDING_KEY,
    values=derivatives.FUNDING,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(minutes=10), late_after=timedelta(hours=36)),
    resources=ASSETS,
    fetch=fetch,
    parse=parse,
    frame=frame,
    is_opt_in=True,
)
