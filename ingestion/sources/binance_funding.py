"""Funding of Binance's perpetual futures as it was settled, from the monthly files of data.binance.vision.

What: zips of one CSV per closed month, of contracts on USDT and on coins: the rate of each settlement as a fraction of
the position, which longs pay to shorts where it is positive, and for how many hours it is.
Limits: a settlement is stamped some milliseconds from its hour, which is what counts here. The days of the current
month come from binance_recent_funding.
Exercised: on two months of 2025 rebuilt around recorded figures, without the milliseconds; all else on made bytes only;
nothing live.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import polars as pl

from ingestion.archive import Served
from ingestion.formats import binance_files, derivatives
from ingestion.formats.binance_files import Files
from ingestion.formats.derivatives import ASSETS, Table
from ingestion.source import Cadence, Fetcher, RowSource

COLUMNS = ("calc_time", "funding_interval_hours", "last_funding_rate")
INVERSE = ("BTCUSD_PERP", "ETHUSD_PERP")
RESOURCES = (*(f"{asset}USDT" for asset in ASSETS), *INVERSE)
FIRST_DAY = date(2024, 1, 1)
MAX_BYTES = 1_000_000
"""Of the zip, and of its CSV; a month of hourly settlements has 744 lines of some 30 bytes."""


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The files of the closed months since 2024, without those read before.

    Raises:
        FetchFailed: Binance could not be reached or answered with an error.
        PageRefused: files do not have the sha256 that Binance states, or are not those that were asked for.
    """
    market = "cm" if resource in INVERSE else "um"
    folder = f"futures/{market}/{{period}}/fundingRate/{resource}"
    files = Files(folder=folder, stem=_stem(resource), first_day=FIRST_DAY, max_bytes=MAX_BYTES, is_daily=False)
    yield from binance_files.fetch(http, files, archived, day)


def parse(content: bytes) -> list[Table]:
    """The lines of a zip as text.

    Raises:
        PageRefused: the zip is damaged, does not have exactly one file or has one that is too large, or its CSV has no
            line, another header, or a line without three fields.
    """
    name, text = binance_files.unpack(content, MAX_BYTES)
    return [Table(name, derivatives.read_csv(text, COLUMNS))]


def frame(rows: list[Table], resource: str) -> pl.DataFrame:
    """The rate of each settlement.

    Raises:
        PageRefused: a time, an interval or a rate that does not parse, a time near no hour, a settlement twice with
            different rates, or a file of another contract or month than its name says.
    """
    (table,) = rows
    lines = derivatives.instants(table.rows, "calc_time")
    lines = derivatives.figures(lines, "funding_interval_hours", "last_funding_rate")
    settlements = derivatives.funding(
        lines.select(settled_at="calc_time", rate="last_funding_rate", interval_hours="funding_interval_hours"),
        asset=resource.removesuffix("_PERP").removesuffix("USDT").removesuffix("USD"),
        venue="binance",
        contract=resource,
        kind="settled",
    )
    binance_files.check_name(table.name, _stem(resource), settlements["value_date"].unique().to_list())
    return settlements


def check_address(content: bytes, url: str) -> None:
    """Refuses the file of another contract or month than its address says.

    Raises:
        PageRefused: the name of the CSV in the zip is another one than the address has.
    """
    binance_files.check_address(content, url, MAX_BYTES)


def _stem(resource: str) -> str:
    return f"{resource}-fundingRate"


SOURCE = RowSource(
    name="binance_funding",
    table="funding",
    description=__doc__,
    terms="No redistribution terms found; fetching is opt-in.",
    ext="zip",
    key=derivatives.FUNDING_KEY,
    values=derivatives.FUNDING,
    newest="same_day",
    # A month's file has been seen up to five days after the month.
    cadence=Cadence(days="utc_day", ask_after=timedelta(hours=2), late_after=timedelta(days=38)),
    resources=RESOURCES,
    fetch=fetch,
    parse=parse,
    frame=frame,
    check_address=check_address,
    is_opt_in=True,
)
