"""Coins that the ARK 21Shares Bitcoin ETF (ARKB) holds, as ARK's file of holdings states them.

What: the CSV behind "Download" on the fund's page, for one day.
Limits: whole coins, and no share count (21Shares publishes that); one day only, so that a day on which nobody asked is
missing for ever. The file is stamped with the business day after the close that it shows, and read as of that close.
Exercised: on files that were rebuilt around recorded figures, and on made ones; never live.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import NamedTuple

import polars as pl

from ingestion.archive import Served
from ingestion.calendar import LONGEST_CLOSURE, sessions
from ingestion.formats import bounds, fund_days, fund_page
from ingestion.formats.fund_days import IssuerSource
from ingestion.formats.fund_page import Figure
from ingestion.source import Fetcher

URL = "https://assets.ark-funds.com/fund-documents/funds-etf-csv/ARK_21SHARES_BITCOIN_ETF_ARKB_HOLDINGS.csv"
COLUMNS = ("date", "fund", "company", "ticker", "cusip", "shares", "market value ($)", "weight (%)")
COIN = "Bitcoin"
WEEKEND = (5, 6)


class Holding(NamedTuple):
    """One line, as served: the day as month/day/year, and the number of coins."""

    stamp: str
    fund: str
    company: str
    quantity: str


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The file as it is now.

    Raises:
        FetchFailed: ARK could not be reached or answered with an error.
    """
    yield http.get(URL)


def parse(content: bytes) -> list[Holding]:
    """The holdings in the order served; lines of one field, of blanks or of a notice, are none.

    Raises:
        PageRefused: no CSV with these columns, a line that is cut off, or no holding.
    """
    if bounds.is_too_large(content) or bounds.is_html(content):
        raise fund_days.refused("a web page, or another file, in place of holdings")
    try:
        header, *lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    except (UnicodeDecodeError, csv.Error, ValueError):
        raise fund_days.refused("what is no whole CSV in UTF-8") from None
    if tuple(header) != COLUMNS:
        raise fund_days.refused(f"the header {','.join(header)[:80]!r}, expected {','.join(COLUMNS)!r}")
    holdings = [line for line in lines if len([field for field in line if field.strip()]) > 1]
    if not holdings or any(len(line) != len(COLUMNS) for line in holdings):
        raise fund_days.refused(f"no holdings of {len(COLUMNS)} fields each, as a file that is cut off has")
    return [Holding(line[0], line[1], line[2], line[5]) for line in holdings]


def frame(rows: list[Holding], resource: str) -> pl.DataFrame:
    """The cell `native_held` of the session before the day that the file is stamped with.

    Raises:
        PageRefused: another fund's file, or a figure that cannot be.
    """
    ticker = resource.removesuffix("_holdings")
    if others := {row.fund for row in rows} - {ticker}:
        raise fund_days.refused(f"holdings of {bounds.shown(min(others))} where those of {ticker} belong")
    coin = rows[fund_page.only((row.company for row in rows), COIN)]
    stamp = fund_days.day(coin.stamp)
    if stamp.weekday() in WEEKEND:
        raise fund_days.refused(f"the stamp {stamp}, which is no business day")
    before = sessions(stamp - LONGEST_CLOSURE, stamp - timedelta(days=1))["session_date"][-1]
    fund_page.check_whole(coin.quantity)
    return fund_days.frame(fund_page.days([Figure(before.isoformat(), "native_held", coin.quantity)]), ticker)


SOURCE = IssuerSource(
    name="ark",
    description=__doc__,
    ext="csv",
    newest="same_day",
    resources=("ARKB_holdings",),
    fetch=fetch,
    parse=parse,
    frame=frame,
)
