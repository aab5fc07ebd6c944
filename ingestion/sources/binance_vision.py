"""Daily bars of BTC and ETH against USDT on Binance's spot market, as Binance publishes them on data.binance.vision.

What: zips of one CSV each, per closed month, or per closed day while its month is not published.
Limits: USDT counts as USD, so a figure is off by USDT's distance from par; a bar runs from 00:00 to 24:00 UTC,
not to the 16:00 New York at which US funds are priced; one venue's volume is not the market's. Binance has
replaced published files: a newer one is noticed at once in the last three months, within a month or so in older ones.
Exercised: on recorded monthly bytes of 2024 and 2025, without header; daily files, a header row and CHECKSUM files on
made bytes only; nothing live.
"""

import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from lzma import LZMAError
from typing import NamedTuple

import polars as pl

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.formats import bounds
from ingestion.source import Cadence, Fetcher, PublisherSource, cell_schema
from ingestion.transport.errors import NotPublished

KEY = {"asset": pl.String(), "venue": pl.String(), "value_date": pl.Date(), "metric": pl.String()}
VENUE = "binance"
ASSETS = {"BTCUSDT_1d": "BTC", "ETHUSDT_1d": "ETH"}
URL = "https://data.binance.vision/data/spot/{period}/klines/{symbol}/{interval}/{symbol}-{interval}-{label}.zip"

FIRST_MONTH = date(2023, 6, 1)
"""Half a year and more before the first US spot fund traded, 2024-01-11."""

MAX_BYTES = 1_000_000
"""Of the zip, and of its CSV; a month of daily bars takes 5,500 bytes."""

RECENT_MONTHS = 3
"""Whose files are compared with their CHECKSUM on each ask, and one older month in turn: four requests a day."""

SETTLED_AFTER = timedelta(days=7)
"""From the end of a file's days. Binance publishes a file and its CHECKSUM within a day; where they still differ a week
later, in two answers running, the CHECKSUM is wrong, and waiting longer would leave the days without a price."""

HEADER = ("open_time", "open", "high", "low", "close", "volume")
COLUMNS = 12
MEMBER = re.compile(r"([A-Z0-9]+)-([0-9]+[a-zA-Z]+)-([0-9]{4}-[0-9]{2}(-[0-9]{2})?)\.csv")
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

    A month that lacks days comes with the files of those days. A month read before is fetched again where its CHECKSUM
    is no longer that of the file read. One file that cannot be had does not keep the others back.

    Args:
        http: `get(url)` answers `Served`.
        resource: symbol and interval, "BTCUSDT_1d".
        archived: urls that were read successfully before, each with the sha256 of what was read last.
        day: today, UTC; it and its month are not closed.

    Raises:
        FetchFailed: Binance could not be reached or answered with an error.
        PageRefused: files do not have the sha256 that Binance states, or are not those that were asked for.
    """
    shelf = _Shelf(http, resource, day)
    unpublished = [day.replace(day=1)]
    months = [*_months(FIRST_MONTH, day)]
    for month in months:
        url = shelf.url("monthly", f"{month:%Y-%m}")
        if url not in archived:
            served = shelf.month(url, month)
            yield from served
            unpublished += [] if served else [month]
    for closed in _closed_days(unpublished, day):
        url = shelf.url("daily", closed.isoformat())
        if url not in archived:
            yield from shelf.file(url, closed)
    for month in _months_to_compare(months, day):
        url = shelf.url("monthly", f"{month:%Y-%m}")
        if shelf.is_replaced(url, archived.get(url)):
            yield from shelf.month(url, month)
    if shelf.refused:
        raise PageRefused(" ".join(shelf.refused))


class _Shelf:
    """The files of one resource at Binance, as they can be had on a day.

    Attributes:
        refused: a sentence for each file that was served and cannot be trusted.
    """

    def __init__(self, http: Fetcher, resource: str, day: date):
        self._http = http
        self._symbol, self._interval = resource.split("_")
        self._day = day
        self.refused: list[str] = []

    def url(self, period: str, label: str) -> str:
        """The address of a month's or a day's file."""
        return URL.format(period=period, symbol=self._symbol, interval=self._interval, label=label)

    def month(self, url: str, month: date) -> list[Served]:
        """The file of a month after those of the days that it lacks; nothing where it is not published yet.

        The days come first: where one of them cannot be reached, the month is asked for again as well.
        """
        closed = [*_closed_days([month], self._day)]
        served = self.file(url, closed[-1])
        lacking = [day for day in closed if day not in _days(served[0].content)] if served else []
        days = [self.file(self.url("daily", day.isoformat()), day) for day in lacking if len(lacking) < len(closed)]
        return [*(file for files in days for file in files), *served]

    def file(self, url: str, last_day: date) -> list[Served]:
        """The file, once it has the sha256 that its CHECKSUM states and the name asked for; nothing where it does not.

        Binance may be replacing file and CHECKSUM, so a file that differs is asked for twice.
        """
        try:
            served = self._http.get(url)
            if not self._is_stated(served) and not self._is_stated(served := self._http.get(url)):
                self.refused.append(
                    f"{url} does not have the sha256 that its CHECKSUM file states: {self._way_out(last_day)}."
                )
                return [served] if self._is_settled(last_day) else []
        except NotPublished:
            return []
        name, found = url.rpartition("/")[2].removesuffix(".zip"), _member(served.content)
        if MEMBER.fullmatch(found) and found != f"{name}.csv":
            self.refused.append(f"{url} has the file {found}: fetch again later.")
            return []
        return [served]

    def is_replaced(self, url: str, sha256: str | None) -> bool:
        """Whether a file read before has other bytes now; asked only where its CHECKSUM states others."""
        if not sha256:
            return False
        try:
            stated = self._http.get(f"{url}.CHECKSUM").content.split()[:1]
            return stated != [sha256.encode()] and _sha256(self._http.get(url).content) != sha256
        except NotPublished:
            return False

    def _is_stated(self, served: Served) -> bool:
        try:
            stated = self._http.get(f"{served.url}.CHECKSUM").content
        except NotPublished:
            return True
        return stated.split()[:1] == [_sha256(served.content).encode()]

    def _is_settled(self, last_day: date) -> bool:
        return self._day - last_day > SETTLED_AFTER

    def _way_out(self, last_day: date) -> str:
        if self._is_settled(last_day):
            return "its days ended more than a week ago, so the CHECKSUM is taken to be wrong and the file is read"
        return "fetch again later"


def parse(content: bytes) -> list[Bar]:
    """The bars of a zip, in the order served.

    Raises:
        PageRefused: the zip is damaged, does not have exactly one file or has one that is too large, or its CSV has no
            bar, a line without twelve fields, or a header in another order.
    """
    name, text = _csv(content)
    lines = [line.split(",") for line in text.splitlines() if line]
    if any(len(fields) != COLUMNS for fields in lines):
        raise _refused(f"a line without {COLUMNS} fields")
    if lines and lines[0][0].strip().lower() == HEADER[0]:
        header, *lines = lines
        if tuple(field.strip().lower() for field in header[: len(HEADER)]) != HEADER:
            raise _refused(f"the header {', '.join(header)[:100]}")
    if not lines:
        raise _refused("a file without bars")
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
            raise _refused(f"{value_date} twice with different figures")
    if not bounds.are_in_order([_day(row.open_time) for row in rows]):
        raise _refused("days that run neither up nor down")
    _check_name(rows[0].file, resource, days)
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
    name, found = f"{url.rpartition('/')[2].removesuffix('.zip')}.csv", _member(content)
    if MEMBER.fullmatch(name) and MEMBER.fullmatch(found) and found != name:
        raise _refused(f"{found} at the address of {name}")


def _check_name(file: str, resource: str, days: Mapping[date, Bar]) -> None:
    """Refuses bars of another symbol, interval or period than the name of their file says, where it has such a name."""
    if not (named := MEMBER.fullmatch(file)):
        return
    symbol, interval, label = named[1], named[2], named[3]
    if f"{symbol}_{interval}" != resource:
        raise _refused(f"{file} as a file of {resource}")
    if beyond := [day for day in days if not day.isoformat().startswith(label)]:
        raise _refused(f"{file} with a bar of {beyond[0]}")


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


def _months_to_compare(months: list[date], day: date) -> list[date]:
    """The recent months, and one of the older ones, another each day."""
    older, recent = months[:-RECENT_MONTHS], months[-RECENT_MONTHS:]
    return [*recent, *([older[day.toordinal() % len(older)]] if older else [])]


def _days(content: bytes) -> set[date]:
    """The days of a file; none where it cannot be read, which is for those to say who read it."""
    try:
        return {_day(bar.open_time) for bar in parse(content)}
    except PageRefused:
        return set()


def _member(content: bytes) -> str:
    """The name of the file in a zip; empty where it cannot be read."""
    try:
        return _csv(content)[0]
    except PageRefused:
        return ""


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _csv(content: bytes) -> tuple[str, str]:
    """The name of the one file in a zip, and its text."""
    if len(content) > MAX_BYTES:
        raise _refused(f"a zip of more than {MAX_BYTES} bytes")
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise _refused(f"a zip of {len(names)} files, expected one")
            with archive.open(names[0]) as member:
                text = member.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, RuntimeError, OSError, ValueError) as error:
        raise _refused(f"a damaged zip ({str(error) or 'cut short'})") from None
    if len(text) > MAX_BYTES:
        raise _refused(f"a CSV of more than {MAX_BYTES} bytes")
    try:
        return names[0], text.decode("ascii")
    except UnicodeDecodeError:
        raise _refused("a CSV that is not plain ASCII") from None


def _day(open_time: str) -> date:
    """Milliseconds have 13 digits from 2001 to 2286, microseconds 16."""
    if not OPEN_TIME.fullmatch(open_time):
        raise _refused(f"the opening time {bounds.shown(open_time)}")
    unit = timedelta(milliseconds=1) if len(open_time) == 13 else timedelta(microseconds=1)
    opened = datetime(1970, 1, 1) + int(open_time) * unit
    if opened.time() != datetime.min.time():
        raise _refused(f"a bar that opens at {opened} UTC, expected 00:00")
    return opened.date()


def _figures(row: Bar, value_date: date) -> list[Decimal]:
    for text in row.figures:
        if len(text) > bounds.MAX_NUMBER_LENGTH or not NUMBER.fullmatch(text):
            raise _refused(f"{bounds.shown(text)} on {value_date}, expected a number")
    figures = [Decimal(text) for text in row.figures]
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
    check_address=check_address,
)
