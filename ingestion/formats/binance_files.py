"""Files of data.binance.vision: zips of one CSV each, per closed month or per closed day, each with a CHECKSUM file.

Of klines a month comes as one file some days after it ended, and until then by days; other kinds come by months alone
(funding) or by days alone (metrics, depth). Binance has replaced published files: a newer one is noticed at once among
the newest three, within as many days as there are files among older ones.
"""

import hashlib
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO
from lzma import LZMAError

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.source import Fetcher
from ingestion.transport.errors import NotPublished

URL = "https://data.binance.vision/data/{folder}/{stem}-{label}.zip"

RECENT_FILES = 3
"""Compared with their CHECKSUM on each ask, and one older file in turn: four requests."""

SETTLED_AFTER = timedelta(days=7)
"""From the end of a file's days. Binance publishes a file and its CHECKSUM within a day; where they still differ a week
later, in two answers running, the CHECKSUM is wrong, and waiting longer would leave the days without a figure."""

PUBLISHED_AFTER = timedelta(days=62)
"""From the start of a month: before the first published month, only months younger than this are asked for by days."""

MEMBER = re.compile(r"[A-Z0-9_]+-[0-9a-zA-Z]+-([0-9]{4}-[0-9]{2}(-[0-9]{2})?)\.csv")
"""The name of a CSV whose label says which days it has."""


@dataclass(frozen=True, kw_only=True)
class Files:
    """The files of one resource.

    Attributes:
        folder: below `data/`, with `{period}` for monthly or daily: "spot/{period}/klines/BTCUSDT/1d".
        stem: what file names begin with: "BTCUSDT-1d".
        first_day: the first day wanted; its month is wanted whole where files are monthly.
        max_bytes: of a zip, and of its CSV.
        is_monthly, is_daily: which files there are.
        only_days: the days wanted of daily files, where not all are.
        days_in: the days that a month's file has rows of, so that lacking ones come by day; needed where both are.
    """

    folder: str
    stem: str
    first_day: date
    max_bytes: int
    is_monthly: bool = True
    is_daily: bool = True
    only_days: Sequence[date] | None = None
    days_in: Callable[[bytes], set[date]] | None = None

    def month_url(self, month: date) -> str:
        """The address of a month's file."""
        return self._url("monthly", f"{month:%Y-%m}")

    def day_url(self, day: date) -> str:
        """The address of a day's file."""
        return self._url("daily", day.isoformat())

    def months(self, day: date) -> list[date]:
        """The first days of the months that had ended by `day`."""
        month, months = self.first_day.replace(day=1), list[date]()
        while self.is_monthly and month < day.replace(day=1):
            months.append(month)
            month = _next_month(month)
        return months

    def days(self, day: date) -> list[date]:
        """The days that had ended by `day`, of a resource without monthly files."""
        if self.only_days is not None:
            return [each for each in self.only_days if each < day]
        return [self.first_day + timedelta(n) for n in range((day - self.first_day).days)]

    def _url(self, period: str, label: str) -> str:
        return URL.format(folder=self.folder.format(period=period), stem=self.stem, label=label)


def fetch(http: Fetcher, files: Files, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The closed months, then the closed days of months not published yet, without those read before.

    A month that lacks days comes with the files of those days. A file read before is fetched again where its CHECKSUM
    is no longer that of the file read. One file that cannot be had does not keep the others back.

    Args:
        http: `get(url)` answers `Served`.
        files: which there are.
        archived: urls that were read successfully before, each with the sha256 of what was read last.
        day: today, UTC; it and its month are not closed.

    Raises:
        FetchFailed: Binance could not be reached or answered with an error.
        PageRefused: files do not have the sha256 that Binance states, or are not those that were asked for.
    """
    shelf = _Shelf(http, files, day)
    months, unpublished, has_begun = files.months(day), list[date](), False
    for month in months:
        url = files.month_url(month)
        served = [] if url in archived else shelf.month(url, month)
        yield from served
        has_begun |= url in archived or bool(served)
        if not (url in archived or served) and (has_begun or day - month < PUBLISHED_AFTER):
            unpublished.append(month)
    for closed in shelf.days_without_month(unpublished):
        url = files.day_url(closed)
        if url not in archived:
            yield from shelf.file(url, closed)
    yield from _replaced(shelf, files, archived, day)
    if shelf.refused:
        raise PageRefused(" ".join(shelf.refused))


def _replaced(shelf: "_Shelf", files: Files, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """Files that have other bytes now: of the recent ones, and of one of the older ones, another each day."""
    closed = files.months(day) if files.is_monthly else files.days(day)
    older, recent = closed[:-RECENT_FILES], closed[-RECENT_FILES:]
    for each in [*recent, *([older[day.toordinal() % len(older)]] if older else [])]:
        url = files.month_url(each) if files.is_monthly else files.day_url(each)
        if shelf.is_replaced(url, archived.get(url)):
            yield from shelf.month(url, each) if files.is_monthly else shelf.file(url, each)


class _Shelf:
    """The files of one resource at Binance, as they can be had on a day.

    Attributes:
        refused: a sentence for each file that was served and cannot be trusted.
    """

    def __init__(self, http: Fetcher, files: Files, day: date):
        self._http = http
        self._files = files
        self._day = day
        self.refused: list[str] = []

    def days_without_month(self, unpublished: Sequence[date]) -> list[date]:
        """The closed days to be asked for by themselves: of all months, or of this one and of unpublished ones."""
        if not self._files.is_daily:
            return []
        if not self._files.is_monthly:
            return self._files.days(self._day)
        months = [*unpublished, self._day.replace(day=1)]
        return [closed for month in months for closed in self._closed_days(month)]

    def month(self, url: str, month: date) -> list[Served]:
        """The file of a month after those of the days that it lacks; nothing where it is not published yet.

        The days come first: where one of them cannot be reached, the month is asked for again as well.
        """
        closed = self._closed_days(month)
        served = self.file(url, closed[-1])
        lacking = self._lacking(served[0].content, closed) if served and self._files.is_daily else []
        days = [self.file(self._files.day_url(day), day) for day in lacking]
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
        expected, found = _csv_name(url), self._member(served.content)
        if MEMBER.fullmatch(found) and found != expected:
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

    def _closed_days(self, month: date) -> list[date]:
        end = min(_next_month(month), self._day)
        return [month + timedelta(n) for n in range((end - month).days)]

    def _lacking(self, content: bytes, closed: Sequence[date]) -> list[date]:
        """The days that a month's file lacks; none of a file that lacks all, which is for those to say who read it."""
        try:
            held = self._files.days_in(content) if self._files.days_in else set(closed)
        except PageRefused:
            return []
        lacking = [day for day in closed if day not in held]
        return lacking if len(lacking) < len(closed) else []

    def _member(self, content: bytes) -> str:
        """The name of the file in a zip; empty where it cannot be read."""
        try:
            return unpack(content, self._files.max_bytes)[0]
        except PageRefused:
            return ""

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


def unpack(content: bytes, max_bytes: int) -> tuple[str, bytes]:
    """The name of the one file in a zip, and its bytes, plain ASCII; no more than `max_bytes` are unpacked.

    Raises:
        PageRefused: the zip is damaged, does not have exactly one file, or is or has one that is too large or no text.
    """
    if len(content) > max_bytes:
        raise refused(f"a zip of more than {max_bytes} bytes")
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise refused(f"a zip of {len(names)} files, expected one")
            with archive.open(names[0]) as member:
                text = member.read(max_bytes + 1)
    except (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, RuntimeError, OSError, ValueError) as error:
        raise refused(f"a damaged zip ({str(error) or 'cut short'})") from None
    if len(text) > max_bytes:
        raise refused(f"a CSV of more than {max_bytes} bytes")
    if not text.isascii():
        raise refused("a CSV that is not plain ASCII")
    return names[0], text


def check_name(file: str, stem: str, days: Sequence[date]) -> None:
    """Refuses rows of another resource or period than the name of their file says, where it has such a name.

    Raises:
        PageRefused: the name begins otherwise than `stem`, or a day is outside its label.
    """
    if not (named := MEMBER.fullmatch(file)):
        return
    if not file.startswith(f"{stem}-"):
        raise refused(f"{file} as a file of {stem}")
    if beyond := [day for day in days if not day.isoformat().startswith(named[1])]:
        raise refused(f"{file} with a row of {beyond[0]}")


def check_address(content: bytes, url: str, max_bytes: int) -> None:
    """Refuses the file of another period or resource than its address says.

    Raises:
        PageRefused: the name of the CSV in the zip is another one than the address has.
    """
    try:
        found = unpack(content, max_bytes)[0]
    except PageRefused:
        return
    if MEMBER.fullmatch(_csv_name(url)) and MEMBER.fullmatch(found) and found != _csv_name(url):
        raise refused(f"{found} at the address of {_csv_name(url)}")


def refused(what: str) -> PageRefused:
    """The refusal of a file for what Binance served."""
    return PageRefused(f"Binance served {what}: look at the archived file, and fetch again once it is fixed.")


def _csv_name(url: str) -> str:
    return f"{url.rpartition('/')[2].removesuffix('.zip')}.csv"


def _next_month(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=31)).replace(day=1)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
