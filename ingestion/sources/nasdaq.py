"""Daily prices of shares that live by crypto, as Nasdaq's site serves them.

What: the JSON behind "Historical Data" of a share: close, volume, open, high and low per session, as text ("$117.86",
"11/03/2025", "N/A"), newest first.
Limits: prices are in the shares of the day on which they were fetched: after a split Nasdaq divides the days before it
(as is known of its site; no split was recorded). Dividends are not taken out. The interface is not documented, and is
said to leave clients unanswered that do not look like a browser.
Exercised: on recorded figures of autumn 2025 in files rebuilt around them (CRCL, COIN, MSTR); the others on made bytes
only; nothing live.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, cast

import polars as pl

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.formats import bounds
from ingestion.source import AFTER_CLOSE, Cadence, Fetcher, RowSource

FIRST_DAY = date(2023, 6, 1)
"""As of the daily bars of coins: half a year and more before the first US spot fund traded."""

FIRST_DAYS = {
    "BMNR": date(2025, 6, 5),
    "COIN": FIRST_DAY,
    "CRCL": date(2025, 6, 5),
    "GLXY": date(2025, 5, 16),
    "HOOD": FIRST_DAY,
    "MARA": FIRST_DAY,
    "MSTR": FIRST_DAY,
    "RIOT": FIRST_DAY,
}
"""The shares that are asked for, and the first day of each: a later one where it was listed on a US exchange later.
Their splits since are in the seed `equity_events`."""

URL = "https://api.nasdaq.com/api/quote/{ticker}/historical?assetclass=stocks&fromdate={first}&todate={last}&limit=9999"
KEY = {"ticker": pl.String(), "value_date": pl.Date()}
VALUES = {
    "open_usd": pl.Float64(),
    "high_usd": pl.Float64(),
    "low_usd": pl.Float64(),
    "close_usd": pl.Float64(),
    "volume_shares": pl.Int64(),
}

PRICE = re.compile(r"\$?([0-9]{1,3}(,[0-9]{3})+|[0-9]+)(\.[0-9]+)?")
VOLUME = re.compile(r"[0-9]{1,3}(,[0-9]{3})+|[0-9]+")
BLANKS = ("", "N/A", "--")

MAX_VOLUME_LENGTH = 19
"""Characters of "999,999,999,999,999": more shares do not exist, nor do 64 bits hold many more."""


class Session(NamedTuple):
    """One session, as served: "11/03/2025", "$117.86", "17,549,570"; blank is "N/A", "--" or "".

    Attributes:
        ticker: the share that the page says it is of.
    """

    date: str
    open: str
    high: str
    low: str
    close: str
    volume: str
    ticker: str = ""


def fetch(http: Fetcher, resource: str, archived: Mapping[str, str], day: date) -> Iterator[Served]:
    """The whole history until yesterday, from one address: a split changes all of it.

    Args:
        day: today, UTC; its session is not over.

    Raises:
        FetchFailed: Nasdaq could not be reached or answered with an error.
    """
    yield http.get(URL.format(ticker=resource, first=FIRST_DAYS[resource], last=day - timedelta(days=1)))


def parse(content: bytes) -> list[Session]:
    """The sessions, in the order served.

    Raises:
        PageRefused: HTML or other bytes than JSON with a table, an answer that says it failed, fewer rows than it says
            it has, or a row without one of its six fields.
    """
    if bounds.is_too_large(content):
        raise _refused(f"{len(content):,} bytes, which no history of days has")
    try:
        page: dict[str, Any] = json.loads(content)
        status, data = page["status"], page["data"]
    except (ValueError, RecursionError, LookupError, TypeError):
        raise _refused("something other than JSON with status and data") from None
    try:
        ticker, total, rows = data["symbol"], data["totalRecords"], data["tradesTable"]["rows"]
    except (LookupError, TypeError):
        raise _refused(f"no table, and the status {bounds.shown(json.dumps(status))}") from None
    if not isinstance(rows, list) or not isinstance(ticker, str):
        raise _refused("a table without rows or a share without a name")
    sessions = [_session(row, ticker) for row in cast(list[object], rows)]
    if total != len(sessions):
        raise _refused(f"{len(sessions):,} of {bounds.shown(str(total))} rows")
    return sessions


def frame(rows: list[Session], resource: str) -> pl.DataFrame:
    """Prices in dollars per share and volume in shares of each session since the share's first day, sorted.

    A blank is null; identical doubles count once.

    Raises:
        PageRefused: another share, a date or number that does not parse, a day at a weekend, a price not above zero or
            outside the day's range, or a day twice with different figures.
    """
    days: dict[date, tuple[float | int | None, ...]] = {}
    for row in rows:
        if row.ticker.upper() != resource:
            raise _refused(f"the share {bounds.shown(row.ticker)}, expected {resource}")
        value_date = _day(row.date)
        figures = (*(_price(text, row.date) for text in row[1:5]), _volume(row))
        _check_range(figures, row.date)
        if days.setdefault(value_date, figures) != figures:
            raise _refused(f"{row.date} twice with different figures")
    kept = [(resource, day, *days[day]) for day in sorted(days) if day >= FIRST_DAYS[resource]]
    return pl.DataFrame(kept, schema=KEY | VALUES, orient="row")


def _session(served: object, ticker: str) -> Session:
    fields = cast(dict[str, object], served) if isinstance(served, dict) else {}
    names = Session._fields[:-1]
    texts = [text.strip() for text in map(fields.get, names) if isinstance(text, str)]
    if len(texts) < len(names):
        raise _refused(f"a row without {', '.join(names)} as text")
    return Session(*texts, ticker=ticker)


def _day(text: str) -> date:
    with suppress(ValueError):  # no such day
        day = datetime.strptime(text, "%m/%d/%Y").date()
        if day.isoweekday() <= 5:
            return day
    raise _refused(f"{bounds.shown(text)}, expected a weekday like 11/03/2025")


def _price(text: str, day: str) -> float | None:
    if text in BLANKS:
        return None
    if len(text) > bounds.MAX_NUMBER_LENGTH or not PRICE.fullmatch(text) or not float(_plain(text)) > 0:
        raise _refused(f"{bounds.shown(text)} on {day}, expected a price above zero like $117.86")
    return float(_plain(text))


def _volume(row: Session) -> int | None:
    if row.volume in BLANKS:
        return None
    if len(row.volume) > MAX_VOLUME_LENGTH or not VOLUME.fullmatch(row.volume):
        raise _refused(f"the volume {bounds.shown(row.volume)} on {row.date}, expected a whole number")
    return int(_plain(row.volume))


def _plain(text: str) -> str:
    return text.removeprefix("$").replace(",", "")


def _check_range(figures: tuple[float | int | None, ...], day: str) -> None:
    open_, high, low, close, _ = figures
    inside = [price for price in (open_, close) if price is not None]
    if (high is not None and max([*inside, low or 0]) > high) or (low is not None and min(inside, default=low) < low):
        raise _refused(f"prices on {day} outside the day's range")


def _refused(what: str) -> PageRefused:
    return PageRefused(f"Nasdaq served {what}: look at the archived page, and fetch again once it is fixed.")


SOURCE = RowSource(
    name="nasdaq",
    table="equity_prices",
    description=__doc__,
    terms="For personal use; no redistribution terms found. Fetching is opt-in.",
    ext="json",
    key=KEY,
    values=VALUES,
    newest="same_day",
    cadence=Cadence(days="session", ask_after=timedelta(hours=4), late_after=AFTER_CLOSE),
    resources=tuple(FIRST_DAYS),
    fetch=fetch,
    parse=parse,
    frame=frame,
    is_opt_in=True,
)
