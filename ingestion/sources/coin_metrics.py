"""Daily closes of Bitcoin in US dollars since 2010-07-18, from Coin Metrics' community data.

What: column PriceUSD of its file of daily metrics, the price at the end of the UTC day; no day is missing.
Limits: three days of 2011 to 2013 are more than 10 % off the median of other sources. The licence does not allow
commercial use, so it is asked only where the settings name it.
Exercised: on made files in the documented shape; not live.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import polars as pl

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.formats import bounds, closes, daily_csv
from ingestion.formats.daily_csv import Line
from ingestion.source import Cadence, Fetcher, PublisherSource

URL = "https://raw.githubusercontent.com/coinmetrics/data/master/csv/btc.csv"
DAY, PRICE = "time", "PriceUSD"
MAX_BYTES = 48 * 2**20
"""Of the file, which has some 150 metrics of each day."""


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The whole file as it is now.

    Raises:
        FetchFailed: the publisher could not be reached or answered with an error.
    """
    yield http.get(URL)


def parse(content: bytes) -> list[Line]:
    """Day and price of each day that has a price, in the order served.

    Raises:
        PageRefused: not a CSV in UTF-8 with a day and a price, cut off, or without any price.
    """
    try:
        rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        header = next(rows, list[str]())
        if header.count(DAY) != 1 or header.count(PRICE) != 1:
            raise _refused(f"its first line begins with {','.join(header)[:80]!r}, expected {DAY} and {PRICE} in it")
        lines = [*_lines(rows, header)]
    except (UnicodeDecodeError, csv.Error):
        raise _refused("it is not a CSV in UTF-8") from None
    if not lines:
        raise _refused("it has no price")
    return lines


def _lines(rows: Iterator[list[str]], header: list[str]) -> Iterator[Line]:
    day, price = header.index(DAY), header.index(PRICE)
    for row in rows:
        if len(row) != len(header):
            raise _refused(f"the line of {bounds.shown(row[0] if row else '')} has {len(row)} of {len(header)} fields")
        if row[price]:
            yield Line(row[day][:10], (row[price],))


def frame(rows: list[Line], resource: str) -> pl.DataFrame:
    """Cells `close_usd` (US$ per coin) of each day.

    Raises:
        PageRefused: a date or number that does not parse, a price not above 0, a day twice with different prices, or
            days out of order.
    """
    days = daily_csv.figures(rows, (DAY, PRICE))
    if not bounds.are_in_order([*days]):
        raise _refused("its days run neither up nor down")
    return closes.cells("BTC", "coin_metrics", days)


def _refused(what: str) -> PageRefused:
    return PageRefused(f"{what}: look at the file, and ask again later.")


SOURCE = PublisherSource(
    name="coin_metrics",
    table="closes",
    description=__doc__,
    terms="CC BY-NC 4.0: name Coin Metrics, and no commercial use; so fetching is opt-in.",
    ext="csv",
    key=closes.KEY,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(hours=6), late_after=timedelta(days=3)),
    is_opt_in=True,
    max_bytes=MAX_BYTES,
    resources=("btc",),
    fetch=fetch,
    parse=parse,
    frame=frame,
)
