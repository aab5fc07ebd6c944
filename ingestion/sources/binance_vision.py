"""Daily bars of BTC, ETH and other coins against USDT on Binance's spot market, from data.binance.vision.

What: zips of one CSV each, per closed month, or per closed day while its month is not published.
Limits: USDT counts as USD, so a figure is off by USDT's distance from par; a bar runs from 00:00 to 24:00 UTC,
not to the 16:00 New York at which US funds are priced; one venue's volume is not the market's. Binance has
replaced published files: a newer one is noticed at once in the last three months, within a month or so in older ones.
Exercised: on recorded monthly bytes of 2024 and 2025, without header; daily files, a header row and CHECKSUM files on
made bytes only; nothing live.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from ingestion.archive import Served
from ingestion.formats import binance_files, bounds
from ingestion.formats.binance_files import refused
from ingestion.source import Cadence, Fetcher, PublisherSource, cell_schema

KEY = {"asset": pl.String(), "venue": pl.String(), "value_date": pl.Date(), "metric": pl.String()}
VENUE = "binance"
ASSETS = {f"{asset}USDT_1d": asset for asset in ("BTC", "ETH", "SOL", "XRP", "BNB", "DOGE", "ADA", "TON")}

FIRST_MONTH = date(2023, 6, 1)
"""Half a year and more before the first US spot fund traded, 2024-01-11."""

MAX_BYTES = 1_000_000
"""Of the zip, and of its CSV; a month of daily bars takes 5,500 bytes."""

HEADER = ("open_time", "open", "high", "low", "close", "volume")
COLUMNS = 12
OPEN_TIME = re.compile(r"[0-9]{13}|[0-9]{16}")
NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


class Bar(NamedTuple):
    """One day, as served: opening time in ms (until 2024) or µs since 1970, prices in USDT, volume in coins.

    Attributes:
        file: the name of the CSV that it stands in: "BTCUSDT-1d-2025-01.csv".
    """

    open_time: str
    open: str
    high: str
    low: str
    close: str
    volume: str
    file: str = ""

    @property
    def figures(self) -> tuple[str, ...]:
        """Prices and volume."""
        return self[1:6]


METRICS = ("open_usd", "high_usd", "low_usd", "close_usd", "volume_native")


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The closed months since June 2023, then the closed days of months not published yet, without those read before.

    Args:
        http: `get(url)` answers `Served`.
        resource: symbol and interval, "BTCUSDT_1d".
        archived: urls that were read successfully before, each with the sha256 of what was read last.
        day: today, UTC; it and its month are not closed.

    Raises:
        FetchFailed: Binance could not be reached or answered with an error.
        PageRefused: files do not have the sha256 that Binance states, or are not those that were asked for.
    """
    symbol, interval = resource.split("_")
    files = binance_files.Files(
        folder=f"spot/{{period}}/klines/{symbol}/{interval}",
        stem=f"{symbol}-{interval}",
        first_day=FIRST_MONTH,
        max_bytes=MAX_BYTES,
        days_in=_days,
    )
    return binance_files.fetch(http, files, archived, day)


def parse(content: bytes) -> list[Bar]:
    """The bars of a zip, in the order served.

    Raises:
        PageRefused: the zip is damaged, does not have exactly one file or has one that is too large, or its CSV has no
            bar, a line without twelve fields, or a header in another order.
    """
    name, text = binance_files.unpack(content, MAX_BYTES)
    lines = [line.split(",") for line in text.decode().splitlines() if line]
    if any(len(fields) != COLUMNS for fields in lines):
        raise refused(f"a line without {COLUMNS} fields")
    if lines and lines[0][0].strip().lower() == HEADER[0]:
        header, *lines = lines
        if tuple(field.strip().lower() for field in header[: len(HEADER)]) != HEADER:
            raise refused(f"the header {', '.join(header)[:100]}")
    if not lines:
        raise refused("a file without bars")
    return [Bar(*fields[: len(HEADER)], file=name) for fields in lines]


def frame(rows: list[Bar], resource: str) -> pl.DataFrame:
    """Cells `open_usd`, `high_usd`, `low_usd`, `close_usd` (USDT as USD) and `volume_native` (coins) of each day.

    Raises:
        PageRefused: an opening time other than 00:00 UTC, a number that does not parse, a price not above zero or
            outside the day's range, a day served twice with different figures or out of order, or a file whose name
            is that of another symbol or of another period.
    """
    days: dict[date, Bar] = {}
    for row in rows:
        value_date = _day(row.open_time)
        if days.setdefault(value_date, row).figures != row.figures:
            raise refused(f"{value_date} twice with different figures")
    if not bounds.are_in_order([_day(row.open_time) for row in rows]):
        raise refused("days that run neither up nor down")
    binance_files.check_name(rows[0].file, resource.replace("_", "-"), [*days])
    cells = [
        (ASSETS[resource], VENUE, value_date, metric, text, float(number))
        for value_date, row in days.items()
        for metric, text, number in zip(METRICS, row.figures, _figures(row, value_date), strict=True)
    ]
    return pl.DataFrame(cells, schema=cell_schema(KEY), orient="row")


def check_address(content: bytes, url: str) -> None:
    """Refuses the file of another month or symbol than its address says.

    Raises:
        PageRefused: the name of the CSV in the zip is another one than the address has.
    """
    binance_files.check_address(content, url, MAX_BYTES)


def _days(content: bytes) -> set[date]:
    return {_day(bar.open_time) for bar in parse(content)}


def _day(open_time: str) -> date:
    """Milliseconds have 13 digits from 2001 to 2286, microseconds 16."""
    if not OPEN_TIME.fullmatch(open_time):
        raise refused(f"the opening time {bounds.shown(open_time)}")
    unit = timedelta(milliseconds=1) if len(open_time) == 13 else timedelta(microseconds=1)
    opened = datetime(1970, 1, 1) + int(open_time) * unit
    if opened.time() != datetime.min.time():
        raise refused(f"a bar that opens at {opened} UTC, expected 00:00")
    return opened.date()


def _figures(row: Bar, value_date: date) -> list[Decimal]:
    for text in row.figures:
        if len(text) > bounds.MAX_NUMBER_LENGTH or not NUMBER.fullmatch(text):
            raise refused(f"{bounds.shown(text)} on {value_date}, expected a number")
    figures = [Decimal(text) for text in row.figures]
    open_, high, low, close, _ = figures
    if not 0 < low <= min(open_, close) <= max(open_, close) <= high:
        raise refused(f"prices on {value_date} that are not above zero or lie outside the day's range")
    return figures


SOURCE = PublisherSource(
    name="binance_vision",
    table="bars_daily",
    description=__doc__,
    terms="No redistribution terms found; fetching is opt-in.",
    ext="zip",
    key=KEY,
    newest="same_day",
    cadence=Cadence(days="utc_day", ask_after=timedelta(minutes=10), late_after=timedelta(hours=12)),
    resources=tuple(ASSETS),
    fetch=fetch,
    parse=parse,
    frame=frame,
    check_address=check_address,
)
