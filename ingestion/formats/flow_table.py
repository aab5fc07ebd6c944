"""What a table of fund flows must be by itself, whoever publishes it: figures in US$ by fund and day, with a TOTAL.

No rule refused one of 3,738 real pages; each was tried on 9,730 pages with one thing wrong.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from itertools import pairwise

import polars as pl

from ingestion import fund_facts
from ingestion.errors import PageRefused
from ingestion.lake.observations import TOTAL
from ingestion.source import Finding, Sessions

WRONG_TOTAL, DAY_LEFT_OUT = "wrong_total", "day_left_out"
MAX_FLOW_USD = 5_000_000_000
"""Of a fund on a day; the largest ever printed is 1,119.9 m."""

REPEATED_WITHIN, REPEATED_FIGURES = 3, 3
"""A row of at least so many figures is not that of one of so many days before."""

FIGURES_BEFORE_LISTING = 3
"""So many figures before a fund's first day are another fund's; some are a publisher's seed or a placeholder."""

NEW_FOR_SESSIONS, NEW_FUNDS = 10, 3
"""A printed total has lacked up to so many funds in their first sessions."""

WRONG_TOTALS = 3
"""Days of a page on which funds and total did not agree; more, and a column was misread."""

Row = Mapping[str, float | None]
"""The figures of a day by ticker, TOTAL among them; None for blank."""


def vet(cells: pl.DataFrame, sessions: Sessions) -> tuple[pl.DataFrame, list[Finding]]:
    """The cells of a page that can be trusted, and what is off on it: a total that is wrong is blank.

    Args:
        cells: asset, ticker, value_date, metric, raw_text, value (US$), in the order of the page; of one asset.
        sessions: those that had opened when it was served.

    Raises:
        PageRefused: its days, its funds, its figures or its totals cannot be those of a table of flows.
    """
    days: dict[date, dict[str, float | None]] = {}
    for day, ticker, value in zip(cells["value_date"], cells["ticker"], cells["value"], strict=True):
        days.setdefault(day, {})[ticker] = value
    asset = cells["asset"][0]
    _check_days([*days])
    _check_figures(days)
    _check_repeated(days)
    _check_funds(asset, days)
    findings = list(_wrong_totals(asset, days, sessions))
    if not findings:
        return cells, []
    if len(findings) > WRONG_TOTALS:
        raise PageRefused(
            f"on {len(findings)} days, {findings[0].value_date} among them, its funds do not add up to the printed"
            " total: wait for a corrected page."
        )
    left_out = [each.value_date for each in findings if each.kind == DAY_LEFT_OUT]
    wrong = [each.value_date for each in findings]
    is_wrong = (pl.col("ticker") == TOTAL) & pl.col("value_date").is_in(wrong)
    blanked = (pl.when(~is_wrong).then(pl.col(name)).alias(name) for name in ("raw_text", "value"))
    return cells.filter(~pl.col("value_date").is_in(left_out)).with_columns(blanked), findings


def _check_days(days: list[date]) -> None:
    for before, day in pairwise(days):
        if day <= before:
            raise PageRefused(f"{day} stands below {before}: a date is wrong, wait for a corrected page.")
    if weekend := [day for day in days if day.weekday() > 4]:
        raise PageRefused(f"{weekend[0]} is a day of a weekend: its dates are wrong, wait for a corrected page.")


def _check_figures(days: Mapping[date, Row]) -> None:
    figures = [(value, ticker, day) for day, row in days.items() for ticker, value in _funds(row).items() if value]
    if not figures:
        raise PageRefused("it has no figure but zeros: look at the page.")
    value, ticker, day = max(figures, key=lambda figure: abs(figure[0]))
    if abs(value) > MAX_FLOW_USD:
        raise PageRefused(
            f"{ticker} has a flow of {value / 1e6:,.1f} (US$ m) on {day}, where no fund has had one beyond"
            f" {MAX_FLOW_USD / 1e6:,.0f}: look at the page."
        )


def _check_repeated(days: Mapping[date, Row]) -> None:
    """Each day's figures are its own: a date that is shifted, or a row that is pasted twice, repeats some."""
    rows = [(day, _funds(row)) for day, row in days.items()]
    for at, (day, row) in enumerate(rows):
        if sum(bool(value) for value in row.values()) < REPEATED_FIGURES:
            continue
        for before, other in rows[max(at - REPEATED_WITHIN, 0) : at]:
            if other == row:
                raise PageRefused(f"{day} has the same figures as {before}: wait for a corrected page.")


def _check_funds(asset: str, days: Mapping[date, Row]) -> None:
    known = fund_facts.funds()
    for ticker in {ticker: None for row in days.values() for ticker in _funds(row)}:
        fund = known.get(ticker)
        if fund is None:
            continue
        if fund.asset != asset:
            raise PageRefused(
                f"{ticker} is a fund of {fund.asset}, not of {asset}: it is the page of another asset; file it there."
            )
        early = [day for day, row in days.items() if fund.first_flow_date and day < fund.first_flow_date]
        figures = [day for day in early if days[day].get(ticker)]
        if len(figures) >= FIGURES_BEFORE_LISTING:
            raise PageRefused(
                f"{ticker} has {len(figures)} figures before its first day, {fund.first_flow_date}: they are another"
                " fund's, or its row in facts_funds.csv is wrong."
            )


def _wrong_totals(asset: str, days: Mapping[date, Row], sessions: Sessions) -> Iterator[Finding]:
    """A finding for each day whose funds do not add up to its total.

    The four real ones were 0.0, or lacked the new funds; another difference looks like a wrong digit in some fund.
    """
    first_days = _first_days(days)
    for day, row in days.items():
        funds = {ticker: _usd(value) for ticker, value in _funds(row).items() if value}
        total, found = row.get(TOTAL), sum(funds.values(), Decimal(0))
        if total is None or _usd(total) == found:
            continue
        new = [ticker for ticker in funds if _is_new(day, first_days.get(ticker), sessions)]
        said = f"the funds add up to {found / 1_000_000:,.1f} (US$ m), the printed total is {total / 1e6:,.1f}"
        if total == 0 or _lacks_new(found - _usd(total), [funds[ticker] for ticker in new]):
            yield Finding(WRONG_TOTAL, asset, TOTAL, day, f"{said}; its funds are read")
        else:
            yield Finding(DAY_LEFT_OUT, asset, TOTAL, day, f"{said}; the day is not read from that page")


def _first_days(days: Mapping[date, Row]) -> dict[str, date]:
    """The first day of each fund: as its seed row says, else its first figure on the page."""
    first: dict[str, date] = {}
    for day, row in days.items():
        for ticker, value in _funds(row).items():
            if value:
                first.setdefault(ticker, day)
    listed = {ticker: fund.first_flow_date for ticker, fund in fund_facts.funds().items() if fund.first_flow_date}
    return first | {ticker: day for ticker, day in listed.items() if ticker in first}


def _is_new(day: date, first_day: date | None, sessions: Sessions) -> bool:
    return first_day is not None and sum(first_day <= each < day for each in sessions.opened) < NEW_FOR_SESSIONS


def _lacks_new(missing: Decimal, figures: list[Decimal]) -> bool:
    """Whether a total lacks exactly some of the new funds."""
    sums = {(): Decimal(0)}
    for at, figure in enumerate(figures):
        sums |= {(*chosen, at): total + figure for chosen, total in sums.items() if len(chosen) < NEW_FUNDS}
    return missing in [total for chosen, total in sums.items() if chosen]


def _funds(row: Row) -> dict[str, float | None]:
    return {ticker: value for ticker, value in row.items() if ticker != TOTAL}


def _usd(value: float) -> Decimal:
    """Cents and less are a float's own: figures are printed in tenths of a million."""
    return Decimal(round(value))
