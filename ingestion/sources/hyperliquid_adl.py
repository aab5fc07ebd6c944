"""Positions that Hyperliquid closed against their owners' gain on 10 October 2025, 21:15 to 21:27 UTC, per coin.

What: auto-deleveraging, by which a venue closes winning positions once its fund cannot pay; one file of sums that
ConejoCapital/HyperReplay took from Hyperliquid's own record of fills, at one commit of its repository.
Limits: these twelve minutes alone, without sides, by somebody else's count; never part of a sum of liquidations.
Exercised: on these bytes as recorded; nothing live.
"""

import csv
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from io import StringIO
from typing import NamedTuple

import polars as pl

from ingestion.archive import Served
from ingestion.formats import bounds, hyperliquid, liquidations
from ingestion.source import Fetcher, RowSource

PUBLISHER, VENUE = "HyperReplay", "hyperliquid"
COMMIT = "a47a910f0b24b0954fed6e4c8bd9741443109036"
URL = (
    f"https://raw.githubusercontent.com/ConejoCapital/HyperReplay/{COMMIT}/data/canonical/adl_net_volume_full_12min.csv"
)
START_AT, LENGTH = datetime(2025, 10, 10, 21, 15), timedelta(minutes=12)
HEADER = "ticker,net_volume,net_notional_usd,total_pnl,num_adl_events,avg_price"


class Coin(NamedTuple):
    """Sums of one coin, as served: dollars, number of fills."""

    ticker: str
    net_notional_usd: str
    num_adl_events: str


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The file, once: a commit never changes.

    Raises:
        FetchFailed: GitHub could not be reached or answered with an error.
    """
    if URL not in archived:
        yield http.get(URL)


def parse(content: bytes) -> list[Coin]:
    """The coins, in the order served.

    Raises:
        PageRefused: it is not this table.
    """
    if bounds.is_too_large(content):
        raise liquidations.refused(PUBLISHER, f"{len(content):,} bytes")
    lines = list(csv.reader(StringIO(content.decode("utf-8", "replace"))))
    if not lines or ",".join(lines[0]) != HEADER or any(len(line) != len(lines[0]) for line in lines if line):
        raise liquidations.refused(PUBLISHER, f"a file that is not a table of {HEADER}")
    return [Coin(line[0], line[2], line[4]) for line in lines[1:] if line]


def frame(rows: list[Coin], resource: str) -> pl.DataFrame:
    """Dollars and number of fills of each coin.

    Raises:
        PageRefused: a number does not parse, or a coin is served twice with different figures.
    """
    try:
        periods = [
            (
                hyperliquid.asset(row.ticker),
                "auto_deleveraged",
                START_AT,
                float(row.net_notional_usd),
                int(row.num_adl_events),
                None,
            )
            for row in rows
        ]
    except ValueError as error:
        raise liquidations.refused(PUBLISHER, f"something that is no number ({str(error)[:60]})") from None
    table = pl.DataFrame(periods, schema=liquidations.PERIODS, orient="row")
    offset = timedelta(hours=START_AT.hour, minutes=START_AT.minute)
    return liquidations.frame(table, VENUE, "vendor", LENGTH, PUBLISHER, offset)


SOURCE = RowSource(
    name="hyperliquid_adl",
    table="liquidations",
    description=__doc__,
    terms="HyperReplay Custom License v1.0, for non-commercial use; fetching is opt-in.",
    ext="csv",
    key=liquidations.KEY,
    values=liquidations.VALUES,
    newest="same_day",
    resources=("adl_net_volume_20251010",),
    fetch=fetch,
    parse=parse,
    frame=frame,
    is_opt_in=True,
)
