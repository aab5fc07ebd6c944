"""Days of funds as their issuers publish them: what a figure is, and what a page must be by itself.

A source of an issuer reads its pages into `FundDay`s; `frame` makes cells of them, `vet` says which can be trusted, and
`RULES` how much a later page may change. Its raw table is `TABLE`, with the key `KEY`; `stg_issuers__fund_daily` of the
dbt project unites them all. Dates stay the publisher's own: whether a count shows the trades of its day or only of the
session before is `share_date_convention` of the fund's row in the seed `facts_funds`.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from ingestion import fund_facts
from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.formats import bounds
from ingestion.fund_facts import Fund
from ingestion.source import (
    AFTER_CLOSE,
    Cadence,
    Fetcher,
    Finding,
    PublisherSource,
    Row,
    Rules,
    Sessions,
    cell_schema,
    newest_day,
)
from ingestion.transport.errors import NotPublished

TABLE = "fund_daily"
KEY: dict[str, pl.DataType] = {
    "asset": pl.String(),
    "ticker": pl.String(),
    "value_date": pl.Date(),
    "metric": pl.String(),
}
CADENCE = Cadence(days="session", ask_after=timedelta(0), late_after=AFTER_CLOSE, funds="ticker")
# A settled figure of iShares never changed on 1,060 days but once; a restated split is for a person to accept.
RULES = Rules(only_settled=True, most_nonzero=1, most=1, keeps_scale=True)

BLANKS = ("", "-", "--", "N/A")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
ISO_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(T00:00:00(\.0+)?Z?)?")
US_DAY = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
SERIAL_DAY, SERIAL_ZERO = re.compile(r"[45][0-9]{4}"), date(1899, 12, 30)
NAMED_DAY = re.compile(r"([A-Z][a-z]{2})[a-z]* ([0-9]{1,2}), ([0-9]{4})")
NUMBER = re.compile(r"\$?(-?([0-9]{1,3}(,[0-9]{3})+|[0-9]+)(\.[0-9]+)?(E[+-]?[0-9]{1,2})?)", re.IGNORECASE)

PRODUCT = ("net_assets_usd", "nav_usd", "shares_outstanding")
FIGURES_DISAGREE = "figures_disagree"
DISAGREES_BY = 0.02
"""Net assets and count times NAV part by roundings of the NAV (0.02 % at US$ 25), or by half a unit of a wrong day."""

MOST_DISAGREEING = 3
"""Days of a page on which they may; more, and a column was misread or has another unit."""

TRIES = 3

FEW_DAYS = 2
"""Days of a page that states the newest day only: its figures, or one of them, may be of neighbouring days."""

STALE_AFTER, HISTORY_STALE_AFTER = 10, 60
"""Sessions after which a page of few days, and one of many, is not of now or misdated: of 227 recorded pages the oldest
was 2 behind. A month and a day that are exchanged are 18 sessions apart or more, a year that is mistyped 249."""

CLOSED_SHARE = 0.01
"""Of a page's days may be other than sessions with figures of their own: of 3,000 recorded days none was. On a page
that is misdated by a day a fifth is, by 52 weeks the holidays are."""

EARLY_DAYS, LISTED_AFTER = 3, timedelta(days=90)
"""So many days before a fund began are another fund's; where that day is not known, so long before its first flow."""


class FundDay(NamedTuple):
    """One day of a fund, as served.

    Attributes:
        as_of: the day, in one of the forms of `day`.
        figures: text by metric of `METRICS`; one of `BLANKS` where there is none.
        fund: ticker that the page gives the fund; empty where it gives none.
    """

    as_of: str
    figures: Mapping[str, str]
    fund: str = ""


class Metric(NamedTuple):
    """What a figure is in words, and whether a number can be one."""

    expected: str
    is_sound: Callable[[Decimal], bool]


def _is_above_zero(number: Decimal) -> bool:
    return number > 0


METRICS: Mapping[str, Metric] = {
    "shares_outstanding": Metric(
        "a whole share count above zero", lambda number: number > 0 and number == number.to_integral_value()
    ),
    "nav_usd": Metric("a NAV above zero (US$ per share)", _is_above_zero),
    "net_assets_usd": Metric("net assets above zero (US$)", _is_above_zero),
    "native_held": Metric("coins above zero", _is_above_zero),
    "native_per_share": Metric("coins per share above zero", _is_above_zero),
}
"""All that may be in a raw table. A count that is not printed follows in the marts from net assets and NAV, or from
coins and coins per share, as whole creation units of the seed `facts_funds`; a NAV that is not, from net assets and
count: a source writes what was served and computes nothing."""


def frame(days: Sequence[FundDay], ticker: str) -> pl.DataFrame:
    """Cells of each day of a fund: asset, ticker, value_date, metric, raw_text, value (units as `METRICS` says).

    A day that is served twice alike counts once. A count or assets of zero before the first flow are blank.

    Raises:
        PageRefused: another fund's page, a date or number that does not parse or cannot be, a day served twice with
            different figures, or days that run neither up nor down.
    """
    fund = fund_facts.funds()[ticker]
    found: dict[date, FundDay] = {}
    for each in days:
        if each.fund not in ("", ticker):
            raise refused(f"figures of {bounds.shown(each.fund)} where those of {ticker} belong")
        value_date = day(each.as_of)
        if found.setdefault(value_date, each).figures != each.figures:
            raise refused(f"{each.as_of} twice with different figures")
    if not bounds.are_in_order([day(each.as_of) for each in days]):
        raise refused("days that run neither up nor down")
    _check_fund(ticker, fund, found)
    cells = [
        (fund.asset, ticker, value_date, metric, *_cell(each, metric, text, is_early(fund, value_date)))
        for value_date, each in found.items()
        for metric, text in each.figures.items()
    ]
    return pl.DataFrame(cells, schema=cell_schema(KEY), orient="row")


def vet(cells: pl.DataFrame, sessions: Sessions) -> tuple[pl.DataFrame, list[Finding]]:
    """The cells of a page without the days whose net assets are not count times NAV, and a finding for each of those.

    Raises:
        PageRefused: there are more such days than a publisher gets wrong, or no other; or a figure that is blank on all
            days, days on which nothing was traded, or none of the time at which it was fetched.
    """
    _check_figures(cells)
    _check_days(cells, sessions)
    if not set(PRODUCT) <= {*cells["metric"]}:
        return cells, []
    values = cells.pivot("metric", index=["asset", "ticker", "value_date"], values="value")
    ratio = pl.col("net_assets_usd") / pl.col("nav_usd") / pl.col("shares_outstanding")
    off = values.filter((ratio - 1).abs() > DISAGREES_BY)
    findings = [
        Finding(FIGURES_DISAGREE, asset, ticker, value_date, "net assets are not count times NAV; the day is not read")
        for asset, ticker, value_date in off.select("asset", "ticker", "value_date").iter_rows()
    ]
    if len(findings) > MOST_DISAGREEING or len(findings) == values.height:
        raise refused(
            f"net assets that are not count times NAV on {len(findings)} days, {findings[0].value_date} among them"
        )
    return cells.join(off, on=["ticker", "value_date"], how="anti", maintain_order="left"), findings


def day(text: str) -> date:
    """A day as 2025-12-22 (also at midnight), 12/22/2025 (month first), Dec 22, 2025, or a workbook's number of it.

    Raises:
        PageRefused: it is none, or no day of the calendar.
    """
    with suppress(ValueError):
        if match := ISO_DAY.fullmatch(text):
            return date(int(match[1]), int(match[2]), int(match[3]))
        if match := US_DAY.fullmatch(text):
            return date(int(match[3]), int(match[1]), int(match[2]))
        if match := NAMED_DAY.fullmatch(text):
            return date(int(match[3]), MONTHS.index(match[1]) + 1, int(match[2]))
        if SERIAL_DAY.fullmatch(text):
            return SERIAL_ZERO + timedelta(days=int(text))
    raise refused(f"{bounds.shown(text)}, expected a day like '2025-12-22' or '12/22/2025'")


def number(text: str) -> Decimal | None:
    """A number as printed, thousands with commas or a dollar sign before it or neither; None where it is none."""
    match = NUMBER.fullmatch(text) if len(text) <= bounds.MAX_NUMBER_LENGTH else None
    return Decimal(match[1].replace(",", "")) if match else None


def text(served: str | float | None) -> str:
    """A figure of a JSON answer, which some write as text and some as a number; blank for null."""
    return "" if served is None else str(served)


def read_table(
    rows: Sequence[Sequence[str]],
    day_name: str,
    names: Mapping[str, str],
    fund_name: str = "",
    is_fund_optional: bool = False,
) -> list[FundDay]:
    """The days of a table whose header stands in any row; a row below it without any figure is none.

    Args:
        day_name: the column that has the day.
        names: metric by column.
        fund_name: the column that has the ticker; empty where the table is of one fund.
        is_fund_optional: whether the table may lack that column.

    Raises:
        PageRefused: no header, or one without such a column or with it twice, or no day below it.
    """
    wanted = (day_name, *names, *([fund_name] if fund_name else []))
    at_header = next((at for at, row in enumerate(rows) if {*wanted} & {*row}), None)
    header = [] if at_header is None else [*rows[at_header]]
    if is_fund_optional and fund_name not in header:
        fund_name, wanted = "", (day_name, *names)
    for name in wanted:
        if header.count(name) != 1:
            raise refused(f'{header.count(name)} columns "{name}", expected one')
    places = {metric: header.index(name) for name, metric in names.items()}
    width, at_day = len(header), header.index(day_name)
    below = [[*row, *[""] * (width - len(row))] for row in rows[(at_header or 0) + 1 :]]
    days = [
        FundDay(
            row[at_day],
            {metric: row[at] for metric, at in places.items()},
            row[header.index(fund_name)] if fund_name else "",
        )
        for row in below
    ]
    days = [each for each in days if any(text not in BLANKS for text in each.figures.values())]
    if not days:
        raise refused("no day below its header")
    return days


def get_again(http: Fetcher, url: str) -> Served:
    """What an address serves, where a store says now and then that it has not what it has a second later.

    Raises:
        FetchFailed: the publisher could not be reached or answered with an error, or thrice that there is nothing.
    """
    for _ in range(TRIES - 1):
        with suppress(NotPublished):
            return http.get(url)
    return http.get(url)


def is_early(fund: Fund, value_date: date) -> bool:
    """Whether a day is before a fund's first flow, so that zeros of it are placeholders."""
    return fund.first_flow_date is not None and value_date < fund.first_flow_date


def refused(what: str) -> PageRefused:
    """The refusal of a page for what it has."""
    return PageRefused(f"it has {what}: look at the archived page, and fetch again once it is fixed.")


def _check_figures(cells: pl.DataFrame) -> None:
    """Refuses a page that has nothing of a figure, as where the publisher has renamed it."""
    for metric, found in cells.group_by("metric", maintain_order=True).agg(pl.col("value").count()).iter_rows():
        if not found:
            raise refused(f"no {metric} on any day")


def _check_days(cells: pl.DataFrame, sessions: Sessions) -> None:
    """Refuses figures of days without trading, but for rows that repeat the one before, and those of another time."""
    opened, coming = sessions.opened, sessions.coming
    if not opened:
        return
    by_fund: dict[str, dict[date, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    said = cells.drop_nulls("value").sort("value_date").select("ticker", "value_date", "metric", "value")
    for ticker, value_date, metric, value in said.iter_rows():
        by_fund[ticker][value_date][metric] = value
    traded = {*opened, coming}
    for ticker, days in by_fund.items():
        oldest = next(iter(days.values())) if len(days) > FEW_DAYS else None  # the row before it is not shown
        off = [
            value_date
            for before, (value_date, figures) in zip([oldest, *days.values()], days.items(), strict=False)
            if value_date >= opened[0] and value_date not in traded and figures != before
        ]
        if len(off) > CLOSED_SHARE * len(days):
            raise refused(f"figures of {ticker} on {off[0]}, on which nothing was traded, so that its days are wrong")
    newest, is_history = newest_day(said), any(len(days) > FEW_DAYS for days in by_fund.values())
    behind = len(opened) - bisect_right(opened, newest)
    is_ended = all(_has_ended(ticker, newest) for ticker in by_fund)
    if behind > (HISTORY_STALE_AFTER if is_history else STALE_AFTER) and not is_ended:
        raise refused(f"no figure after {newest}, {behind:,} sessions before it was fetched: its days are wrong or old")


def _has_ended(ticker: str, newest: date) -> bool:
    last = fund_facts.funds()[ticker].last_flow_date
    return last is not None and newest >= last - LISTED_AFTER


def _check_fund(ticker: str, fund: Fund, days: Mapping[date, FundDay]) -> None:
    """Refuses another fund's page by the days that it has before the fund had any."""
    began = fund.inception_date or (fund.first_flow_date and fund.first_flow_date - LISTED_AFTER)
    early = [value_date for value_date in days if began and value_date < began]
    if len(early) >= EARLY_DAYS:
        raise refused(f"{len(early)} days before {ticker} began on {began}, so those of another fund")


def _cell(served: FundDay, metric: str, text: str, is_placeholder: bool) -> tuple[str | None, float | None]:
    if text in BLANKS:
        return None, None
    found = number(text)
    if is_placeholder and found == 0:
        return None, None
    if found is None or not METRICS[metric].is_sound(found):
        raise refused(f"{bounds.shown(text)} on {served.as_of}, expected {METRICS[metric].expected}")
    return text, float(found)


@dataclass(frozen=True, kw_only=True)
class IssuerSource(PublisherSource[Row]):
    """A publisher of days of its own funds: what all of them have in common."""

    table: str = TABLE
    terms: str = "No terms of redistribution found; asked only where the settings name it."
    key: Mapping[str, pl.DataType] = field(default_factory=lambda: KEY)
    cadence: Cadence | None = CADENCE
    vet: Callable[[pl.DataFrame, Sessions], tuple[pl.DataFrame, list[Finding]]] | None = vet
    rules: Rules | None = RULES
    is_opt_in: bool = True
