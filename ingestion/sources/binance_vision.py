"""Daily bars of BTC and ETH against USDT on Binance's spot market, as Binance publishes them on data.binance.vision.

What: zips of one CSV each, per closed month, or per closed day while its month is not published.
Limits: USDT counts as USD, so a figure is off by USDT's distance from par; a bar runs from 00:00 to 24:00 UTC,
not to the 16:00 New York at which US funds are priced; one venue's volume is not the market's. Binance has
replaced published files; a file that was read is not fetched again.
Exercised: on recorded monthly bytes of 2024 and 2025, without header; daily files, a header row and CHECKSUM files on
made bytes only; nothing live.
"""

import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import NamedTuple

import polars as pl

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.source import Cadence, Fetcher, PublisherSource, cell_schema
from ingestion.transport.errors import NotPublished

KEY = {"asset": pl.String(), "venue": pl.String(), "value_date": pl.Date(), "metric": pl.String()}
VENUE = "binance"
ASSETS = {"BTCUSDT_1d": "BTC", "ETHUSDT_1d": "ETH"}
URL = "https://data.binance.vision/data/spot/{period}/klines/{symbol}/{interval}/{symbol}-{interval}-{label}.zip"

FIRST_MONTH = date(2023, 6, 1)
"""Half a year and more before the first US spot fund traded, 2024-01-11."""

MAX_BYTES = 1_000_000
"""Of the CSV; a month of daily bars takes 5,500 bytes."""

HEADER = ("open_time", "open", "high", "low", "close", "volume")
COLUMNS = 12
OPEN_TIME = re.compile(r"[0-9]{13}|[0-9]{16}")
NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


class Bar(NamedTuple):
    """One day, as served: opening time in ms (until 2024) or µs since 1970, prices in USDT, volume in coins."""

    open_time: str
    open: str
    high: str
    low: str
    close: str
    volume: str


METRICS = ("open_usd", "high_usd", "low_usd", "close_usd", "volume_native")


def fetch(http: Fetcher, resource: str, archived: frozenset[str], day: date) -> Iterator[Served]:
    """The closed months since June 2023, then the closed days of months not published yet, without those read before.

    Args:
        http: `get(url)` answers `Served`.
        resource: symbol and interval, "BTCUSDT_1d".
        archived: urls that were read successfully before.
        day: today, UTC; it and its month are not closed.

    Raises:
        FetchFailed: Binance could not be reached or answered with an error.
        PageRefused: a file does not have the sha256 that Binance states.
    """
    symbol, interval = resource.split("_")
    unpublished = [day.replace(day=1)]
    for month in _months(FIRST_MONTH, day):
        url = URL.format(period="monthly", symbol=symbol, interval=interval, label=f"{month:%Y-%m}")
        if url not in archived:
            served = _get(http, url)
            yield from served
            unpublished += [] if served else [month]
    for closed in _closed_days(unpublished, day):
        url = URL.format(period="daily", symbol=symbol, interval=interval, label=closed.isoformat())
        if url not in archived:
            yield from _get(http, url)


def parse(content: bytes) -> list[Bar]:
    """The bars of a zip, in the order served.

    Raises:
        PageRefused: the zip is damaged, does not have exactly one file or has one that is too large, or its CSV has no
            bar, a line without twelve fields, or a header in another order.
    """
    lines = [line.split(",") for line in _csv(content).splitlines() if line]
    if any(len(fields) != COLUMNS for fields in lines):
        raise _refused(f"a line without {COLUMNS} fields")
    if lines and lines[0][0] == HEADER[0]:
        header, *lines = lines
        if tuple(header[: len(HEADER)]) != HEADER:
            raise _refused(f"the header {', '.join(header)}")
    if not lines:
        raise _refused("a file without bars")
    return [Bar(*fields[: len(HEADER)]) for fields in lines]


def frame(rows: list[Bar], resource: str) -> pl.DataFrame:
    """Cells `open_usd`, `high_usd`, `low_usd`, `close_usd` (USDT as USD) and `volume_native` (coins) of each day.

    Raises:
        PageRefused: an opening time other than 00:00 UTC, a number that does not parse, a price not above zero or
            outside the day's range, or a day served twice with different figures.
    """
    days: dict[date, Bar] = {}
    for row in rows:
        value_date = _day(row.open_time)
        if days.setdefault(value_date, row)[1:] != row[1:]:
            raise _refused(f"{value_date} twice with different figures")
    cells = [
        (ASSETS[resource], VENUE, value_date, metric, text, float(number))
        for value_date, row in days.items()
        for metric, text, number in zip(METRICS, row[1:], _figures(row, value_date), strict=True)
    ]
    return pl.DataFrame(cells, schema=cell_schema(KEY), orient="row")


def _months(first: date, day: date) -> Iterator[date]:
    """The first days of the months from `first` that have ended by `day`."""
    while first < day.replace(day=1):
        yield first
        first = (first + timedelta(days=31)).replace(day=1)


def _closed_days(months: list[date], day: date) -> Iterator[date]:
    for month in sorted(months):
        closed = month
        while closed < day and closed.month == month.month:
            yield closed
            closed += timedelta(days=1)


def _get(http: Fetcher, url: str) -> list[Served]:
    """The file, checked against its CHECKSUM where there is one; nothing where the file is not published yet."""
    try:
        served = http.get(url)
    except NotPublished:
        return []
    try:
        stated = http.get(f"{url}.CHECKSUM").content
    except NotPublished:
        return [served]
    if stated.split()[:1] != [hashlib.sha256(served.content).hexdigest().encode()]:
        raise PageRefused(f"{url} does not have the sha256 that its CHECKSUM file states: fetch again later.")
    return [served]


def _csv(content: bytes) -> str:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise _refused(f"a zip of {len(names)} files, expected one")
            with archive.open(names[0]) as member:
                text = member.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError, ValueError) as error:
        raise _refused(f"a damaged zip ({str(error) or 'cut short'})") from None
    if len(text) > MAX_BYTES:
        raise _refused(f"a CSV of more than {MAX_BYTES} bytes")
    try:
        return text.decode("ascii")
    except UnicodeDecodeError:
        raise _refused("a CSV that is not plain ASCII") from None


def _day(open_time: str) -> date:
    """Milliseconds have 13 digits from 2001 to 2286, microseconds 16."""
    if not OPEN_TIME.fullmatch(open_time):
        raise _refused(f"the opening time {open_time!r}")
    unit = timedelta(milliseconds=1) if len(open_time) == 13 else timedelta(microseconds=1)
    opened = datetime(1970, 1, 1) + int(open_time) * unit
    if opened.time() != datetime.min.time():
        raise _refused(f"a bar that opens at {opened} UTC, expected 00:00")
    return opened.date()


def _figures(row: Bar, value_date: date) -> list[Decimal]:
    texts = row[1:]
    if wrong := [text for text in texts if not NUMBER.fullmatch(text)]:
        raise _refused(f"{wrong[0]!r} on {value_date}, expected a number")
    figures = [Decimal(text) for text in texts]
    open_, high, low, close, _ = figures
    if not 0 < low <= min(open_, close) <= max(open_, close) <= high:
        raise _refused(f"prices on {value_date} that are not above zero or lie outside the day's range")
    return figures


def _refused(what: str) -> PageRefused:
    return PageRefused(f"Binance served {what}: look at the archived file, and fetch again once it is fixed.")


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
)
