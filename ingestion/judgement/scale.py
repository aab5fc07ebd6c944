"""Whether a fund's figures are of the order of what is known of it: those in other units, or of another fund, are not.

What is known is the figure nearest in time that has been read of the fund; before there is any, its filing nearest in
time, with the middle of its coin's closes. What a page has itself, coins and net assets, makes a price of its coin.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from math import sqrt
from typing import NamedTuple

from ingestion import fund_facts
from ingestion.judgement.known import Cells, Key, Known

ROOM = 5
"""Times as much, or as little, as a figure may be of what is known; once more for every year between them.

Of all pairs of recorded days of a fund, its first 90 days aside, SOLC's net assets alone were beyond, 8.7 times in 16
weeks: net asset values reached 0.54 of that room on the scale of its logarithm, counts of older funds 0.36. Splits were
4 for 1 at most; a unit is wrong by ten or more.
"""

YOUNG, YOUNG_ROOM = timedelta(days=90), 200
"""From a fund's first flow on, and how many times what it has may be then: XRPC's count grew 49 times in a session,
that of ETHA 105 times in 23 days."""

CLOSES_USD: Mapping[str, tuple[float, float]] = {"BTC": (39_568, 124_659), "ETH": (1_473, 4_832), "SOL": (62, 248)}
"""The lowest and highest recorded close of a coin since 2024, as of `CLOSES_UNTIL`."""
CLOSES_UNTIL = date(2026, 11, 1)

PER_SHARE = ("nav_usd", "native_per_share")
"""Figures that no flow changes."""

REPEATED_DAYS = 3
"""Days on which the figures of another fund make a page that fund's; all, where a page has fewer."""

Column = Mapping[date, float]


class Off(NamedTuple):
    """What is off on a page, as a clause, and the cell that shows it, where one does: net assets may be implied."""

    reason: str
    against: Key | None = None


class _Reference(NamedTuple):
    """What a figure is held against."""

    value: float
    day: date
    what: str
    key: Key | None = None


def off_scale(page: Cells, known: Known) -> Off | None:
    """The first figure of a page that is of another order than what is known of its fund; None where none is."""
    shown, before = _columns(page.items()), _columns((key, cell.value) for key, cell in known.items())
    for (asset, ticker, metric), column in shown.items():
        newest = Key(asset, ticker, max(column), metric)
        for day, reference in _against(newest, column, before.get((asset, ticker, metric), {})):
            if _is_off(ticker, metric, day, column[day], reference):
                return Off(
                    f"its {metric} of {ticker} on {day} is {_shown(column[day])}, where {reference.what}"
                    f" {reference.day} has {_shown(reference.value)}: other units, or another fund",
                    reference.key,
                )
    return _off_price(shown) or _repeats(shown, before)


def _against(newest: Key, column: Column, before: Column) -> list[tuple[date, _Reference]]:
    """The days of a page to look at, and what their figures are held against: the nearest in time that there are."""
    if before:
        days = sorted(before)
        near = [(day, other) for day in sorted(column, reverse=True) for other in _next_to(days, day)]
        nearest = min(abs(day - other) for day, other in near)
        return [
            (day, _Reference(before[other], other, "what was read before of", newest._replace(value_date=other)))
            for day, other in near
            if abs(day - other) == nearest
        ]
    filings = fund_facts.filings().get(newest.ticker, ())
    if not filings or newest.asset not in CLOSES_USD:
        return []
    filing = min(filings, key=lambda each: abs(each.day - newest.value_date))
    held, shares, close = filing.native_held, filing.shares_outstanding, _middle(newest.asset)
    figures = {
        "shares_outstanding": shares,
        "native_held": held,
        "native_per_share": held / shares,
        "nav_usd": held / shares * close,
        "net_assets_usd": held * close,
    }
    return [(newest.value_date, _Reference(figures[newest.metric], filing.day, "the fund's filing of"))]


def _is_off(ticker: str, metric: str, day: date, value: float, reference: _Reference) -> bool:
    ratio, gap = value / reference.value, abs(day - reference.day)
    room = ROOM ** (1 + gap / timedelta(days=365))
    is_growth = (ratio > 1) == (day >= reference.day)
    if metric not in PER_SHARE and is_growth and gap and _is_young(ticker, min(day, reference.day)):
        room = YOUNG_ROOM
    return not 1 / room < ratio < room


def _off_price(shown: Mapping[tuple[str, str, str], Column]) -> Off | None:
    """Where net assets by coins is no price that the coin can have."""
    for (asset, ticker, metric), held in shown.items():
        if metric != "native_held" or asset not in CLOSES_USD:
            continue
        assets = shown.get((asset, ticker, "net_assets_usd"), {})
        for day in sorted(held.keys() & assets.keys()):
            price, middle = assets[day] / held[day], _middle(asset)
            room = ROOM ** (1 + max(day - CLOSES_UNTIL, timedelta(0)) / timedelta(days=365))
            if not 1 / room < price / middle < room:
                return Off(f"its net assets and coins of {ticker} on {day} make US$ {price:,.6g} a coin: other units")
    return None


def _repeats(shown: Mapping[tuple[str, str, str], Column], before: Mapping[tuple[str, str, str], Column]) -> Off | None:
    """Where the figures of a page, several of each day, are those that are known of another fund."""
    others = _by_day(before)
    for ticker, days in _by_day(shown).items():
        told = {day: figures for day, figures in days.items() if len(figures) > 1}
        for other, known_days in others.items():
            same = [day for day in told.keys() & known_days.keys() if told[day].items() <= known_days[day].items()]
            if other != ticker and same and len(same) >= min(REPEATED_DAYS, len(told)):
                return Off(f"its figures of {ticker} on {max(same)} are those of {other}, which was read before")
    return None


def _by_day(columns: Mapping[tuple[str, str, str], Column]) -> dict[str, dict[date, dict[str, float]]]:
    found: dict[str, dict[date, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for (_, ticker, metric), column in columns.items():
        for day, value in column.items():
            found[ticker][day][metric] = value
    return found


def _columns(cells: Iterable[tuple[Key, float | None]]) -> dict[tuple[str, str, str], dict[date, float]]:
    """The figures by fund and metric; net assets that are not stated are shares times NAV, which no split changes."""
    found: dict[tuple[str, str, str], dict[date, float]] = defaultdict(dict)
    for key, value in cells:
        if value:
            found[key.asset, key.ticker, key.metric][key.value_date] = value
    for asset, ticker, metric in [*found]:
        navs = found.get((asset, ticker, "nav_usd"), {})
        if metric == "shares_outstanding":
            product = {day: count * navs[day] for day, count in found[asset, ticker, metric].items() if day in navs}
            stated = found.get((asset, ticker, "net_assets_usd"), {})
            if product or stated:
                found[asset, ticker, "net_assets_usd"] = product | stated
    return dict(found)


def _next_to(days: Sequence[date], day: date) -> Sequence[date]:
    """The days before and after a day, or itself."""
    at = bisect_left(days, day)
    return days[max(at - 1, 0) : at + 1]


def _shown(value: float) -> str:
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def _middle(asset: str) -> float:
    low, high = CLOSES_USD[asset]
    return sqrt(low * high)


def _is_young(ticker: str, day: date) -> bool:
    fund = fund_facts.funds().get(ticker)
    first = fund.first_flow_date if fund else None
    return first is None or day < first + YOUNG
