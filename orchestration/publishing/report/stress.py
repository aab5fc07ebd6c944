"""The stress view: lines over one window of time, crashes to choose from, and the sentences that each line decides."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from orchestration.publishing.report import rendering, stress_charts
from orchestration.publishing.report.charts import CHARTS, Colors
from orchestration.publishing.report.formatting import day
from orchestration.publishing.report.panel import Panel, panel
from orchestration.publishing.report.results import Result, Row

AROUND = timedelta(days=4)
"""Days that are shown before and after a crash."""
BEFORE = timedelta(days=60)
"""Days before the first crash from which on the page holds figures."""
STILL_HEIGHT = 180
LEGEND_LETTERS = 55
"""Letters of a row of the legend in an image."""


@dataclass(frozen=True)
class Crash:
    """A crash by its first and last day."""

    first_day: date
    last_day: date
    title: str

    @property
    def name(self) -> str:
        """Its days, with the month and year of the last."""
        first, last = self.first_day, self.last_day
        is_one_month = (first.year, first.month) == (last.year, last.month)
        return f"{first.day if is_one_month else day(first)}\N{EN DASH}{day(last)}"

    @property
    def ends(self) -> tuple[int, int]:
        """The milliseconds at which it begins and ends."""
        return _milliseconds(self.first_day), _milliseconds(self.last_day + timedelta(days=1))

    @property
    def window(self) -> tuple[int, int]:
        """The milliseconds of the first and last moment to show of it, both included."""
        return _milliseconds(self.first_day - AROUND), _milliseconds(self.last_day + timedelta(days=1) + AROUND) - 1

    def json(self) -> dict:
        """What the page's script reads."""
        return {"window": self.window}


@dataclass(frozen=True)
class StressPanel(Panel):
    """The data of one line, drawn at first over the window of the newest crash.

    Attributes:
        empty: what would fill it, for an asset without rows.
    """

    crashes: Sequence[Crash] = ()
    empty: str = ""

    @property
    def ends(self) -> tuple[float, float]:
        """The window of the newest crash."""
        return self.crashes[-1].window

    @property
    def specification(self) -> dict:
        """The line over the shaded days of each crash."""
        since, until = self.ends
        return {
            "params": [{"name": "since", "value": since}, {"name": "until", "value": until}],
            "layer": [_shade(self.crashes), super().specification],
        }

    @property
    def still(self) -> dict:
        """The specification of an image, which is lower than others and has longer names in its legend."""
        longest = max(len(name) for name in self.choices[self.first].values)
        legend = rendering.CONFIG["legend"] | {"columns": max(1, LEGEND_LETTERS // (longest + 4))}
        return self.specification | {"height": STILL_HEIGHT, "config": rendering.CONFIG | {"legend": legend}}

    def json(self) -> dict:
        """What the page's script reads."""
        return super().json() | {"isStress": True, "empty": self.empty}


@dataclass(frozen=True)
class Sentence:
    """A sentence of an article with its verdict.

    Attributes:
        checks: how it was checked, where there is more than one way.
        assets: those it is about; none where it is about the market.
    """

    claim: Row
    checks: Sequence[Row]
    assets: Sequence[str]


def crashes(windows: Result) -> list[Crash]:
    """The crashes to choose from, the oldest first."""
    return [Crash(*row) for row in windows.rows]


def panels(lines: Sequence[Result], of: Sequence[Crash], funds: Colors) -> dict[str, StressPanel]:
    """The data of each line that has rows, from shortly before the first crash on; none where no crash is named."""
    if not of:
        return {}
    since = of[0].first_day - BEFORE
    found: dict[str, StressPanel] = {}
    for line in lines:
        chart = CHARTS[line.answer.name]
        recent = _from(line, chart.x, since)
        if recent.rows:
            data = vars(panel(chart, recent, funds))
            found[line.answer.name] = StressPanel(**data, crashes=of, empty=line.answer.empty)
    return {name: _with_price(each, found.get("stress_price")) for name, each in found.items()}


def sentences(checked: Result, assets: Collection[str]) -> dict[str, list[Sentence]]:
    """The sentences by the line that decides them.

    Args:
        assets: whose names are looked for in the subjects of sentences.
    """
    by_claim: dict[tuple, list[Row]] = {}
    for row in checked.records:
        by_claim.setdefault((row["line"], row["claim"]), []).append(row)
    found: dict[str, list[Sentence]] = {}
    for (line, _), rows in by_claim.items():
        of = [word for word in re.findall(r"\w+", rows[0]["subject"] or "") if word in assets]
        found.setdefault(line, []).append(Sentence(rows[0], rows if len(rows) > 1 else (), of))
    return found


def instruments(price: Result) -> dict[str, str]:
    """Whose prices are drawn, by asset."""
    found: dict[str, dict[str, None]] = {}
    for row in price.records:
        found.setdefault(row["asset"], {})[row["instrument"]] = None
    return {asset: "; ".join(names) for asset, names in found.items()}


def _with_price(line: StressPanel, price: Panel | None) -> StressPanel:
    """A line without assets whose price is not stored: one venue alone liquidates positions in 160 of them."""
    if line.chart.by is None or price is None:
        return line
    priced = {asset: line.choices[asset] for asset in line.choices if asset in price.choices}
    return replace(line, choices=priced or line.choices)


def _from(line: Result, x: str, since: date) -> Result:
    at = line.columns.index(x) if line.rows else 0
    return replace(line, rows=tuple(row for row in line.rows if _day(row[at]) >= since))


def _day(value: date | datetime) -> date:
    return value.date() if isinstance(value, datetime) else value


def _shade(of: Sequence[Crash]) -> dict:
    """The days of each crash, from the foot to the top of the line."""
    days = [dict(zip(("start", "end"), crash.ends, strict=True)) for crash in of]
    x = stress_charts.TIME_ACROSS
    return {
        "data": {"values": days},
        "mark": {"type": "rect", "color": "var(--out-1)", "opacity": 0.6, "clip": True},
        "encoding": {"x": x | {"field": "start"}, "x2": {"field": "end"}},
    }


def _milliseconds(midnight: date) -> int:
    return int(datetime.combine(midnight, datetime.min.time(), UTC).timestamp() * 1000)
