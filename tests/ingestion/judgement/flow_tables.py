"""Pages of fund flows for tests: a truth of some weeks, and the pages that a publisher makes of it as days go by."""

import random
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from ingestion.sample.pages import flow_page

FUNDS = ("IBIT", "FBTC", "BITB", "ARKB", "BTCO", "EZBC", "BRRR", "HODL", "BTCW", "GBTC", "BTC")
FIRST = date(2025, 2, 3)

Cells = dict[tuple[date, str], str | None]
"""Figures in US$ m as text; None for blank."""


def sessions(first: date, number: int) -> list[date]:
    """Weekdays that are all sessions, but for 2025-02-17."""
    days, day = [], first
    while len(days) < number:
        if day.weekday() < 5 and day != date(2025, 2, 17):
            days.append(day)
        day += timedelta(days=1)
    return days


@dataclass
class Table:
    """A table of flows, as it is printed."""

    days: list[date]
    funds: list[str]
    cells: Cells
    totals: dict[date, str | None] = field(default_factory=dict)

    def total(self, day: date) -> str | None:
        """The printed total: what was set, else the sum."""
        if day in self.totals:
            return self.totals[day]
        figures = [self.cells.get((day, fund)) for fund in self.funds]
        return str(sum((Decimal(text) for text in figures if text is not None), Decimal("0.0")))

    def page(self) -> bytes:
        rows = [(day, [self.cells.get((day, fund)) for fund in self.funds], self.total(day)) for day in self.days]
        return flow_page(self.funds, rows)

    def copy(self) -> "Table":
        return Table([*self.days], [*self.funds], dict(self.cells), dict(self.totals))

    def last(self, days: int) -> "Table":
        """The short page: the last days alone."""
        kept = self.days[-days:]
        return Table(kept, [*self.funds], {key: text for key, text in self.cells.items() if key[0] in kept})


def truth(seed: int, number: int = 40, funds: tuple[str, ...] = FUNDS) -> Table:
    """Flows as they are: a third are 0.0, in each day some are not."""
    rolled = random.Random(seed)
    days = sessions(FIRST, number)
    cells: Cells = {}
    for day in days:
        for fund in funds:
            cells[day, fund] = "0.0" if rolled.random() < 0.33 else f"{rolled.randint(-4000, 6000) / 10:.1f}"
    return Table(days, [*funds], cells)


def seen(table: Table, day: date, blank: Collection[str] = ()) -> Table:
    """The table as it is printed on the evening of a day, `blank` not having reported yet."""
    days = [each for each in table.days if each <= day]
    cells = {key: text for key, text in table.cells.items() if key[0] in days}
    return Table(days, [*table.funds], cells | {(days[-1], fund): None for fund in blank})


def evening(day: date) -> datetime:
    """Half an hour past midnight UTC, after the close."""
    return datetime.combine(day + timedelta(days=1), time(0, 30))
