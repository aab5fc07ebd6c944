"""Long- and short-term holders' supply of Bitcoin per day, as the Bitcoin Research Kit computes it (bitview.space).

What: two series of its public interface as one CSV, in satoshi at the last block of each UTC day, from 2009 on. A coin
is long-term once unspent for 150 days (3,600 hours): definition age_150d_step.
Limits: each fetch requests the whole history, without the newest day, which is not over.
Exercised: on made bytes only, after the interface's own description and source (server 0.11, client 0.12.2); never on
recorded bytes, and not live.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import polars as pl

from ingestion.archive import Served
from ingestion.formats import bounds, daily_csv, holder_supply
from ingestion.formats.daily_csv import Line
from ingestion.source import Cadence, Fetcher, PublisherSource

SERIES = "bitview"
COLUMNS = ("date", "lth_supply_sats", "sth_supply_sats")
SATS = 100_000_000
# The CSV has column names and dates. The JSON has neither: its columns come in the requested order, and client and
# server number days differently (day 0 is 2009-01-03 for the client, 2009-01-01 for the server).
URL = f"https://bitview.space/api/series/bulk?series={','.join(COLUMNS)}&index=day1&end=-1&format=csv"


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The whole history as it is now, from one address.

    Raises:
        FetchFailed: the publisher could not be reached or answered with an error.
    """
    yield http.get(URL)


def parse(content: bytes) -> list[Line]:
    """The days in the order served, without those before the first block, which have no figure.

    Raises:
        PageRefused: not a CSV with these columns, or without a figure.
    """
    lines = [line for line in daily_csv.parse(content, COLUMNS) if any(line.texts)]
    if not lines:
        raise daily_csv.refused("it has no figure")
    return lines


def frame(rows: list[Line], resource: str) -> pl.DataFrame:
    """Cells `lth_native` and `sth_native` (coins, from satoshi) of each day.

    Raises:
        PageRefused: a date or number that does not parse, satoshi that are not whole, a day twice with different
            numbers or out of order, or long-term supply below short-term supply after 2013.
    """
    days = daily_csv.figures(rows, COLUMNS)
    if not bounds.are_in_order([*days]):
        raise daily_csv.refused("its days run neither up nor down")
    for day, (texts, numbers) in days.items():
        if any(number != number.to_integral_value() for number in numbers):
            raise daily_csv.refused(
                f"the supply on {day} is {bounds.shown(' and '.join(texts))}, expected whole satoshi"
            )
    return holder_supply.cells(SERIES, days, SATS)


SOURCE = PublisherSource(
    name="bitview",
    table="supply",
    description=__doc__,
    terms="No key; the software is MIT-licensed. No terms for the data were found, so fetching is opt-in.",
    ext="csv",
    key=holder_supply.KEY,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(minutes=10), late_after=timedelta(hours=12)),
    resources=("lth_sth_supply",),
    fetch=fetch,
    parse=parse,
    frame=frame,
)
