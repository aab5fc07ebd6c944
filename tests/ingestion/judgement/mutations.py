"""What goes wrong with a page of flows: each mutation takes the printed table and changes one thing, by chance."""

import random
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from flow_tables import Table

Mutation = Callable[[random.Random, Table], None]


def _figures(table: Table) -> list[tuple[date, str]]:
    return [key for key, text in table.cells.items() if text and Decimal(text)]


def _each(table: Table, change: Callable[[str], str | None]) -> None:
    table.cells = {key: text and change(text) for key, text in table.cells.items()}


def all_zero(rolled: random.Random, table: Table) -> None:
    _each(table, lambda text: "0.0")


def all_blank(rolled: random.Random, table: Table) -> None:
    _each(table, lambda text: None)


def times_1000(rolled: random.Random, table: Table) -> None:
    _each(table, lambda text: f"{Decimal(text) * 1000:.1f}")


def tenth(rolled: random.Random, table: Table) -> None:
    _each(table, lambda text: f"{Decimal(text) / 10:.1f}")


def signs_lost(rolled: random.Random, table: Table) -> None:
    _each(table, lambda text: text.lstrip("-"))


def days_shifted(rolled: random.Random, table: Table) -> None:
    """Each day has the figures of the one before."""
    before = dict(zip(table.days[1:], table.days, strict=False))
    table.cells = {(day, fund): table.cells.get((before.get(day, day), fund)) for day, fund in table.cells}


def days_shifted_from_one_on(rolled: random.Random, table: Table) -> None:
    at = rolled.randrange(1, len(table.days))
    before = dict(zip(table.days[at:], table.days[at - 1 :], strict=False))
    table.cells = {(day, fund): table.cells.get((before.get(day, day), fund)) for day, fund in table.cells}


def header_shuffled(rolled: random.Random, table: Table) -> None:
    _renamed(table, dict(zip(table.funds, rolled.sample(table.funds, len(table.funds)), strict=True)))


def headers_exchanged(rolled: random.Random, table: Table) -> None:
    one, other = rolled.sample(table.funds, 2)
    _renamed(table, {one: other, other: one})


def row_shifted(rolled: random.Random, table: Table) -> None:
    """The figures of a day stand one column to the right."""
    day = rolled.choice(table.days)
    texts = [table.cells.get((day, fund)) for fund in table.funds]
    table.cells |= {(day, fund): text for fund, text in zip(table.funds, [None, *texts[:-1]], strict=True)}


def cells_exchanged(rolled: random.Random, table: Table) -> None:
    day, (one, other) = rolled.choice(table.days), rolled.sample(table.funds, 2)
    cells = table.cells
    cells[day, one], cells[day, other] = cells.get((day, other)), cells.get((day, one))


def rows_exchanged(rolled: random.Random, table: Table) -> None:
    one, other = rolled.sample(table.days, 2)
    for fund in table.funds:
        cells = table.cells
        cells[one, fund], cells[other, fund] = cells.get((other, fund)), cells.get((one, fund))


def row_repeated(rolled: random.Random, table: Table) -> None:
    at = rolled.randrange(1, len(table.days))
    for fund in table.funds:
        table.cells[table.days[at], fund] = table.cells.get((table.days[at - 1], fund))


def column_zero(rolled: random.Random, table: Table) -> None:
    fund = rolled.choice(table.funds)
    table.cells |= {(day, fund): "0.0" for day in table.days}


def column_blank(rolled: random.Random, table: Table) -> None:
    fund = rolled.choice(table.funds)
    table.cells |= {(day, fund): None for day in table.days}


def row_blank(rolled: random.Random, table: Table) -> None:
    day = rolled.choice(table.days[:-1])
    table.cells |= {(day, fund): None for fund in table.funds}


def column_times_10(rolled: random.Random, table: Table) -> None:
    fund = rolled.choice(table.funds)
    table.cells |= {key: text and f"{Decimal(text) * 10:.1f}" for key, text in table.cells.items() if key[1] == fund}


def figure_wrong(rolled: random.Random, table: Table) -> None:
    """One figure, under a total that was printed before."""
    day, fund = rolled.choice(_figures(table))
    table.totals[day] = table.total(day)
    table.cells[day, fund] = f"{Decimal(table.cells[day, fund] or 0) + rolled.randint(1, 900):.1f}"


def figures_wrong(rolled: random.Random, table: Table) -> None:
    """Up to twelve figures, with totals that fit."""
    for key in rolled.sample(_figures(table), min(rolled.randint(2, 12), len(_figures(table)))):
        table.cells[key] = f"{Decimal(table.cells[key] or 0) + rolled.randint(1, 900):.1f}"


def total_wrong(rolled: random.Random, table: Table) -> None:
    day = rolled.choice(table.days)
    table.totals[day] = f"{Decimal(table.total(day) or 0) + rolled.randint(1, 900):.1f}"


def year_wrong(rolled: random.Random, table: Table) -> None:
    day = rolled.choice(table.days)
    _dated(table, {day: day.replace(year=day.year + rolled.choice([-1, 1]), day=min(day.day, 28))})


def day_wrong(rolled: random.Random, table: Table) -> None:
    day = rolled.choice(table.days)
    _dated(table, {day: day + timedelta(days=rolled.choice([-7, -1, 1, 7]))})


def days_a_week_off(rolled: random.Random, table: Table) -> None:
    _dated(table, {day: day + timedelta(days=rolled.choice([-7, 7])) for day in table.days})


def renamed(rolled: random.Random, table: Table) -> None:
    _renamed(table, {rolled.choice(table.funds): "NEWX"})


def column_lost(rolled: random.Random, table: Table) -> None:
    """A column without its name, the total as it was."""
    table.totals = {day: table.total(day) for day in table.days}
    table.funds.remove(rolled.choice(table.funds))


def of_another_asset(rolled: random.Random, table: Table) -> None:
    _renamed(
        table, dict(zip(table.funds, ("ETHA", "FETH", "ETHW", "TETH", "ETHV", "QETH", "EZET", "ETHE"), strict=False))
    )


def _renamed(table: Table, names: dict[str, str]) -> None:
    table.funds = [names.get(fund, fund) for fund in table.funds]
    table.cells = {(day, names.get(fund, fund)): text for (day, fund), text in table.cells.items()}


def _dated(table: Table, days: dict[date, date]) -> None:
    table.days = [days.get(day, day) for day in table.days]
    table.cells = {(days.get(day, day), fund): text for (day, fund), text in table.cells.items()}


MUTATIONS: tuple[Mutation, ...] = tuple(
    each
    for name, each in list(globals().items())
    if callable(each)
    and not name.startswith("_")
    and name[0].islower()
    and getattr(each, "__module__", None) == __name__
)
