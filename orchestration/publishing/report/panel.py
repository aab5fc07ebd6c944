"""The data of a chart: its series by what they are across, as the page holds it and as rows that Vega draws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle

from orchestration.answers.answers import Answer
from orchestration.publishing.report.charts import (
    ALL_FUNDS,
    CELL_HEIGHT,
    DAY_MS,
    FUND_COLORS,
    SERIES_COLORS,
    Chart,
    Colors,
)
from orchestration.publishing.report.results import Result

FIRST_DAYS = 365
"""What is drawn without scripts, and at first with them; a reader with scripts can look at all."""
TABLE_ROWS = 30
"""Of a table without scripts; with them it has all that is drawn."""
SIGNIFICANT = 9
"""Digits of a number in the page: a thousandth of a coin of a million."""


@dataclass
class Series:
    """The values of a choice: x ascending; a value per x by series, None where there is none; where one is faint."""

    x: list
    values: dict[str, list] = field(default_factory=dict)
    faint: dict[str, list[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Panel:
    """The data of a chart, by choice: asset, window, or "" where there is none.

    Attributes:
        funds: the colours of funds, which all charts share.
    """

    chart: Chart
    choices: Mapping[str, Series]
    funds: Colors

    @property
    def colors(self) -> dict[str, str]:
        """The names of the palette's colours by series."""
        names = dict.fromkeys(name for choice in self.choices.values() for name in choice.values)
        if self.chart.colors is None:
            return {name: self.funds.get(name, "fund-rest") for name in names}
        return dict(self.chart.colors) or dict(zip(names, cycle(SERIES_COLORS)))

    @property
    def specification(self) -> dict:
        """The chart as Vega-Lite has it, without its rows."""
        return self.chart.draw(self.colors)

    @property
    def still(self) -> dict:
        """The specification of an image of what is drawn at first."""
        cells = {"height": CELL_HEIGHT * (len(self.choices[self.first].values) + 2)}
        return self.specification | (cells if self.chart.across == "weeks" else {})

    @property
    def first(self) -> str:
        """The choice that is drawn at first."""
        return next(iter(self.choices))

    @property
    def ends(self) -> tuple[float, float]:
        """The first and the last x of what is drawn at first: as much as FIRST_DAYS shows."""
        x = self.choices[self.first].x
        if self.chart.across == "weeks":
            return x[-7:][0], x[-1]
        return x[0] if self.chart.across == "steps" else x[-1] - FIRST_DAYS * DAY_MS, x[-1]

    def rows(self) -> list[dict]:
        """Rows of what is drawn at first, of the first choice."""
        choice = self.choices[self.first]
        names = [ALL_FUNDS] if self.chart.shows == "one" else list(choice.values)
        since, until = self.ends
        return [
            {"x": x, "series": name, "value": choice.values[name][at]}
            | ({"faint": True} if at in choice.faint.get(name, ()) else {})
            for name in names
            if name in choice.values
            for at, x in enumerate(choice.x)
            if since <= x <= until
        ]

    def table(self, answer: Answer) -> Result:
        """The newest TABLE_ROWS of what is drawn at first, a column per series, the newest row first."""
        rows = self.rows()
        names = list(dict.fromkeys(row["series"] for row in rows))
        cells = {(row["x"], row["series"]): row["value"] for row in rows}
        across = sorted({row["x"] for row in rows}, reverse=self.chart.across != "steps")[:TABLE_ROWS]
        found = tuple((self._across(x), *(cells.get((x, name)) for name in names)) for x in across)
        return Result(answer, (self.chart.x, *names), found)

    def _across(self, x: float) -> object:
        if self.chart.across == "steps":
            return x
        moment = datetime.fromtimestamp(x / 1000, UTC)
        return moment if self.chart.has_time else moment.date()

    def json(self) -> dict:
        """What the page's script reads."""
        return {
            "across": self.chart.across,
            "shows": self.chart.shows,
            "bar": self.chart.bar,
            "hasTime": self.chart.has_time,
            "faint": self.chart.faint,
            "band": self.chart.band,
            "by": self.chart.by,
            "isOfFunds": self.chart.series == "fund",
            "unit": self.chart.unit,
            "colors": self.colors,
            "spec": self.specification,
            "choices": {name: vars(choice) for name, choice in self.choices.items()},
        }


def panel(chart: Chart, result: Result, funds: Colors) -> Panel:
    """The rows of an answer as the data of its chart."""
    choices: dict[str, Series] = {}
    records = result.records
    for choice in dict.fromkeys(_choice(chart, record) for record in records):
        chosen = [record for record in records if _choice(chart, record) == choice]
        choices[choice] = _series(chart, chosen)
    return Panel(chart, choices, funds)


def _choice(chart: Chart, record: Mapping) -> str:
    return str(record[chart.by]) if chart.by else ""


def _series(chart: Chart, records: Sequence[Mapping]) -> Series:
    across = sorted({_across(record[chart.x]) for record in records})
    at = {x: place for place, x in enumerate(across)}
    made = Series(across)
    for record in records:
        place = at[_across(record[chart.x])]
        for name, value in _named_values(chart, record):
            if value is not None:
                made.values.setdefault(name, [None] * len(across))[place] = value
            if record.get("is complete") is False:
                made.faint.setdefault(name, []).append(place)
    return made


def _named_values(chart: Chart, record: Mapping) -> list[tuple[str, float | None]]:
    """The values of a row by their series."""
    numbers = {
        name: None if value is None else float(f"{value:.{SIGNIFICANT}g}")
        for name, value in record.items()
        if name not in (chart.x, chart.by) and (value is None or type(value) in (int, float))
    }
    if chart.series is None:
        return [(name, numbers[name]) for name in numbers if not chart.colors or name in chart.colors]
    return [(str(record[chart.series]), next(iter(numbers.values())))]


def _across(value) -> float:
    """A day or a time as milliseconds since 1970, UTC; a number as it is."""
    if isinstance(value, str):
        return int(datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp() * 1000)
    return value


def fund_colors(records: Sequence[Mapping]) -> dict[str, str]:
    """The colours of funds: those that come first of an asset have one of their own.

    Args:
        records: rows with asset and fund, the largest fund of an asset first.
    """
    funds = dict.fromkeys((record["asset"], record["fund"]) for record in records if record["fund"] != ALL_FUNDS)
    colors: dict[str, str] = {ALL_FUNDS: "ink"}
    for asset in dict.fromkeys(asset for asset, _ in funds):
        colors |= zip((fund for of, fund in funds if of == asset), FUND_COLORS, strict=False)
    return colors
