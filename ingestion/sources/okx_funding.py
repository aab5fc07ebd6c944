"""Funding of OKX's perpetual swaps as it was settled, from the monthly files of its historical data.

What: zips of one CSV per closed month, of swaps on USDT: the rate of each settlement as a fraction of the position.
Limits: a month there runs in UTC+8, from 16:00 UTC on the last day of the month before to 16:00 UTC on its own last
day; settlements are stamped up to two seconds after their hour. Nobody says for how many hours a rate is. The days of
the current month are not there.
Exercised: on made bytes only, after the files as others describe them; nothing recorded, nothing live.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta

import polars as pl

from ingestion.archive import Served
from ingestion.formats import binance_files, derivatives
from ingestion.formats.derivatives import ASSETS, Table, refused
from ingestion.source import Cadence, Fetcher, RowSource
from ingestion.transport.errors import NotPublished

COLUMNS = ("instrument_name", "funding_rate", "funding_time")
URL = "https://static.okx.com/cdn/okex/traderecords/swaprates/monthly/{month:%Y%m}/{resource}-fundingrates-{month:%Y-%m}.zip"
MEMBER = re.compile(r"([A-Z0-9-]+)-fundingrates-([0-9]{4})-([0-9]{2})\.csv")
FIRST_MONTH = date(2024, 1, 1)
AHEAD = timedelta(hours=8)
"""Of UTC, where OKX's months begin."""
MAX_BYTES = 1_000_000
"""Of the zip, and of its CSV; a month of hourly settlements has 744 lines of some 50 bytes."""


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The files of the closed months since 2024, without those read before.

    Raises:
        FetchFailed: OKX could not be reached or answered with an error.
    """
    month = FIRST_MONTH
    while (following := (month + timedelta(days=31)).replace(day=1)) <= day:
        url = URL.format(month=month, resource=resource)
        if url not in archived:
            yield from _published(http, url)
        month = following


def parse(content: bytes) -> list[Table]:
    """The lines of a zip as text.

    Raises:
        PageRefused: the zip is damaged, does not have exactly one file or has one that is too large, or its CSV has no
            line, another header, or a line without three fields.
    """
    name, text = binance_files.unpack(content, MAX_BYTES)
    return [Table(name, derivatives.read_csv(text, COLUMNS))]


def frame(rows: list[Table], resource: str) -> pl.DataFrame:
    """The rate of each settlement; for how many hours it is is not known.

    Raises:
        PageRefused: a time or a rate that does not parse, a time near no hour, a settlement twice with different
            rates, or rows of another swap or month than the name of the file says.
    """
    (table,) = rows
    derivatives.check_contracts(table.rows["instrument_name"].unique(), resource)
    lines = derivatives.figures(derivatives.instants(table.rows, "funding_time"), "funding_rate")
    settlements = derivatives.funding(
        lines.select(settled_at="funding_time", rate="funding_rate"),
        asset=resource.partition("-")[0],
        venue="okx",
        contract=resource,
        kind="settled",
    )
    if named := MEMBER.fullmatch(table.name):
        _check_month(settlements, date(int(named[2]), int(named[3]), 1), table.name)
    return settlements


def check_address(content: bytes, url: str) -> None:
    """Refuses the file of another swap or month than its address says.

    Raises:
        PageRefused: the name of the CSV in the zip is another one than the address has.
    """
    expected = f"{url.rpartition('/')[2].removesuffix('.zip')}.csv"
    name = parse(content)[0].name
    if MEMBER.fullmatch(name) and MEMBER.fullmatch(expected) and name != expected:
        raise refused(f"the file {name} at the address of {expected}")


def _published(http: Fetcher, url: str) -> list[Served]:
    try:
        return [http.get(url)]
    except NotPublished:
        return []


def _check_month(settlements: pl.DataFrame, month: date, name: str) -> None:
    start = datetime(month.year, month.month, 1) - AHEAD
    end = datetime.combine((month + timedelta(days=31)).replace(day=1), datetime.min.time()) - AHEAD
    beyond = settlements.filter(~pl.col("settled_at").is_between(start, end))["settled_at"]
    if not beyond.is_empty():
        raise refused(f"a settlement at {beyond[0]} in {name}")


SOURCE = RowSource(
    name="okx_funding",
    table="funding",
    description=__doc__,
    terms="OKX's terms are silent on redistribution; fetching is opt-in.",
    ext="zip",
    key=derivatives.FUNDING_KEY,
    values=derivatives.FUNDING,
    newest="same_day",
    # A month's files come within some days after it.
    cadence=Cadence(days="utc_day", ask_after=timedelta(hours=2), late_after=timedelta(days=38)),
    resources=tuple(f"{asset}-USDT-SWAP" for asset in ASSETS),
    fetch=fetch,
    parse=parse,
    frame=frame,
    check_address=check_address,
    is_opt_in=True,
)
