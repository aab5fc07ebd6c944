"""Depth of Binance's order books of perpetual futures, from the bookDepth files of data.binance.vision.

What: zips of one CSV per closed day: about every 30 seconds, the coins and dollars of all bids down to 1, 2, 3, 4 and
5 % below the middle, and of all asks up to as far above it; later also 0.2 %. Each band holds those within it.
Limits: Binance alone publishes such files. A snapshot counts for the day of its time. Inner bands of asks have stood
still since 3 September 2026 under a right CHECKSUM (binance-public-data, issue 496), and prices were misaligned in 2025
(issue 431): figures are kept as served, and the mart says where a band stands still.
Exercised: on one recorded daily file of October 2025, rebuilt around its figures; all else on made bytes only; nothing
live.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import polars as pl

from ingestion.archive import Served
from ingestion.formats import binance_files, derivatives
from ingestion.formats.binance_files import Files
from ingestion.formats.derivatives import INSTANT, Table, refused
from ingestion.source import Cadence, Fetcher, RowSource

KEY: dict[str, pl.DataType] = {
    "asset": pl.String(),
    "venue": pl.String(),
    "contract": pl.String(),
    "band_pct": pl.Float64(),
    "side": pl.String(),
    "snapshot_at": INSTANT,
    "value_date": pl.Date(),
}
VALUES: dict[str, pl.DataType] = {"depth_native": pl.Float64(), "notional_usd": pl.Float64()}
COLUMNS = ("timestamp", "percentage", "depth", "notional")
RESOURCES = ("BTCUSDT",)

FIRST_DAY = date(2025, 9, 10)
CRASHES = [FIRST_DAY + timedelta(n) for n in range(62)]
"""The days of both crashes of autumn 2025, and the 30 before them."""
RECENT_DAYS = 35
"""The days that a median of 30 needs. A day has 28,800 rows, and costs a build 0.1 s of CPU."""
MAX_BYTES = 10_000_000
"""Of the zip, and of its CSV; a day of twelve bands has 34,560 lines of some 46 bytes."""


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The files of the days around both crashes and of the last five weeks, without those read before.

    Raises:
        FetchFailed: Binance could not be reached or answered with an error.
        PageRefused: files do not have the sha256 that Binance states, or are not those that were asked for.
    """
    folder = f"futures/um/{{period}}/bookDepth/{resource}"
    recent = [day - timedelta(n) for n in range(1, RECENT_DAYS + 1)]
    files = Files(
        folder=folder,
        stem=_stem(resource),
        first_day=FIRST_DAY,
        max_bytes=MAX_BYTES,
        is_monthly=False,
        only_days=sorted({*CRASHES, *recent}),
    )
    yield from binance_files.fetch(http, files, archived, day)


def parse(content: bytes) -> list[Table]:
    """The lines of a zip as text.

    Raises:
        PageRefused: the zip is damaged, does not have exactly one file or has one that is too large, or its CSV has no
            line, another header, or a line without four fields.
    """
    name, text = binance_files.unpack(content, MAX_BYTES)
    return [Table(name, derivatives.read_csv(text, COLUMNS))]


def frame(rows: list[Table], resource: str) -> pl.DataFrame:
    """Coins and dollars of each snapshot, side and band.

    Raises:
        PageRefused: a time or number that does not parse, a band of zero, a figure below zero, a snapshot twice with
            different figures, or a file of another contract or day than its name says.
    """
    (table,) = rows
    lines = derivatives.text_instants(table.rows, "timestamp")
    lines = derivatives.figures(lines, "percentage", "depth", "notional")
    if lines["percentage"].null_count() or (lines["percentage"] == 0).any():
        raise refused("a line without a band")
    if (lines["depth"] < 0).any() or (lines["notional"] < 0).any():
        raise refused("a depth below zero")
    binance_files.check_name(table.name, _stem(resource), lines["timestamp"].dt.date().unique().to_list())
    snapshots = lines.select(
        asset=pl.lit(resource.removesuffix("USDT")),
        venue=pl.lit("binance"),
        contract=pl.lit(resource),
        band_pct=pl.col("percentage").abs(),
        side=pl.when(pl.col("percentage") < 0).then(pl.lit("bid")).otherwise(pl.lit("ask")),
        snapshot_at="timestamp",
        value_date=pl.col("timestamp").dt.date(),
        depth_native="depth",
        notional_usd="notional",
    )
    return derivatives.distinct(snapshots, KEY)


def check_address(content: bytes, url: str) -> None:
    """Refuses the file of another contract or day than its address says.

    Raises:
        PageRefused: the name of the CSV in the zip is another one than the address has.
    """
    binance_files.check_address(content, url, MAX_BYTES)


def _stem(resource: str) -> str:
    return f"{resource}-bookDepth"


SOURCE = RowSource(
    name="binance_depth",
    table="depth",
    description=__doc__,
    terms="No redistribution terms found; fetching is opt-in.",
    ext="zip",
    key=KEY,
    values=VALUES,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(hours=2), late_after=timedelta(hours=36)),
    resources=RESOURCES,
    fetch=fetch,
    parse=parse,
    frame=frame,
    check_address=check_address,
    is_opt_in=True,
)
