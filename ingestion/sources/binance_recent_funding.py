"""Funding of Binance's perpetual futures as it was settled, from its public interface: what no monthly file has yet.

What: the settlements of contracts on USDT in the current month and the one before, 1,000 in one answer.
Limits: it does not say for how many hours a rate is. Where a file of binance_funding has a settlement, that one counts.
Exercised: on answers of January to March 2026 rebuilt around recorded figures, and on made bytes; nothing live.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import cast

import msgspec
import polars as pl

from ingestion.archive import Served
from ingestion.formats import derivatives
from ingestion.formats.derivatives import ASSETS, Text
from ingestion.source import Cadence, Fetcher, RowSource

URL = "https://fapi.binance.com/fapi/v1/fundingRate?symbol={symbol}&startTime={start}&limit={limit}"
LIMIT = 1_000
MAX_PAGES = 10
"""Two months of hourly settlements are 1,488."""


class Settlement(msgspec.Struct):
    """As served: milliseconds since 1970, and a fraction."""

    symbol: str
    fundingTime: Text
    fundingRate: Text


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The settlements since the start of the month before this one, oldest first.

    Raises:
        FetchFailed: Binance could not be reached or answered with an error.
        PageRefused: an answer that has to be paged on is none.
    """
    start = derivatives.milliseconds((day.replace(day=1) - timedelta(days=1)).replace(day=1))
    for _ in range(MAX_PAGES):
        served = http.get(URL.format(symbol=resource, start=start, limit=LIMIT))
        yield served
        page = parse(served.content)
        if len(page) < LIMIT:
            return
        last = derivatives.instants(derivatives.texts(Settlement, page), "fundingTime")["fundingTime"].max()
        start = derivatives.milliseconds(cast(datetime, last)) + 1


def parse(content: bytes) -> list[Settlement]:
    """The settlements in the order served.

    Raises:
        PageRefused: the answer is no list of them.
    """
    return derivatives.read_json(content, list[Settlement])


def frame(rows: list[Settlement], resource: str) -> pl.DataFrame:
    """The rate of each settlement; for how many hours it is is not known.

    Raises:
        PageRefused: a time or a rate that does not parse, a time near no hour, a settlement twice with different
            rates, or rows of another contract.
    """
    derivatives.check_contracts((row.symbol for row in rows), resource)
    lines = derivatives.instants(derivatives.texts(Settlement, rows), "fundingTime")
    lines = derivatives.figures(lines, "fundingRate")
    return derivatives.funding(
        lines.select(settled_at="fundingTime", rate="fundingRate"),
        asset=resource.removesuffix("USDT"),
        venue="binance",
        contract=resource,
        kind="settled",
        interval_hours=None,
    )


SOURCE = RowSource(
    name="binance_recent_funding",
    table="funding",
    description=__doc__,
    terms="No redistribution terms found; fetching is opt-in.",
    ext="json",
    key=derivatives.FUNDING_KEY,
    values=derivatives.FUNDING,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(minutes=10), late_after=timedelta(hours=24)),
    resources=tuple(f"{asset}USDT" for asset in ASSETS),
    fetch=fetch,
    parse=parse,
    frame=frame,
    is_opt_in=True,
)
