"""The drawing of each chart: from its series and their colours to a Vega-Lite specification, which names no data.

A row of what is drawn has x (milliseconds since 1970, or a number), series, value, and faint where it is not complete.
The page and the images draw the same specification.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

ALL_FUNDS = "All funds"
FUND_COLORS = ["fund-1", "fund-2", "fund-3", "fund-4", "fund-5", "fund-6"]
"""Of an asset's largest funds; the others share a seventh, since nobody tells twelve colours apart."""
SERIES_COLORS = ["holders", "ink", "muted", "demand", "mean", *FUND_COLORS]
"""Of series that are not known beforehand."""
CELL_HEIGHT = 24
DAY_MS = 86_400_000

Colors = Mapping[str, str]
"""Names of colours of the palette, by series."""


@dataclass(frozen=True)
class Chart:
    """How the rows of an answer become a chart.

    Attributes:
        draw: its specification.
        x: the column across.
        unit: of the values.
        series: the column that names the series; None where each other numeric column is one.
        colors: by series; those of funds where none are given.
        by: the column of a choice, one of which is drawn at a time.
        across: days have ranges and zoom, weeks are cells of a table, and steps are anything else.
        shows: one fund at a time, or all series.
        band: two series that bound an area, and have no line and no legend.
        bar: how many days a bar spans, from x on; 0 where x is a point.
        has_time: x is a time of the day, to the minute.
        faint: what a value is that the answer calls not complete.
    """

    draw: Callable[[Colors], dict]
    x: str
    unit: str
    series: str | None = None
    colors: Colors | None = None
    by: str | None = None
    across: Literal["days", "weeks", "steps"] = "days"
    shows: Literal["one", "all"] = "all"
    band: tuple[str, ...] = ()
    bar: int = 0
    has_time: bool = False
    faint: str = "incomplete"


CHARTS: dict[str, Chart] = {}
"""By the name of the answer."""

DATES = {"year": "%Y", "quarter": "%b", "month": "%b", "week": "%-d %b", "date": "%-d %b", "day": "%-d %b"}
TIME = {"type": "temporal", "scale": {"type": "utc"}}
TICKS = {"tickCount": {"expr": "width / 80"}, "labelOverlap": True, "labelFlush": True}
DAY = TIME | {"field": "x", "axis": {"format": DATES, "title": None} | TICKS}
VALUE = {"field": "value", "type": "quantitative", "axis": {"format": ",~f", "title": None}}
LEVEL = VALUE | {"scale": {"zero": False, "nice": True}}
FAINT = {"condition": {"test": "datum.faint", "value": 0.4}, "value": 1}
IN_OR_OUT = {"condition": {"test": "datum.value < 0", "value": "var(--out)"}, "value": "var(--in)"}
ZERO = {"data": {"values": [{}]}, "mark": {"type": "rule", "color": "var(--muted)"}, "encoding": {"y": {"datum": 0}}}


def chart(**how) -> Callable[[Callable[[Colors], dict]], Callable[[Colors], dict]]:
    """Register the drawing of the answer that has the function's name."""

    def register(draw: Callable[[Colors], dict]) -> Callable[[Colors], dict]:
        CHARTS[draw.__name__] = Chart(draw, **how)
        return draw

    return register


def color(colors: Colors) -> dict:
    """The colour of a series; its legend is the page's, and that of an image."""
    scale = {"domain": list(colors), "range": [f"var(--{name})" for name in colors.values()]}
    return {"field": "series", "type": "nominal", "scale": scale}


def span(days: float, part: int = 0, parts: int = 1) -> list[dict]:
    """The start and the end of a bar that begins at x; of several side by side, the place of one."""
    width = days * DAY_MS * 0.8 / parts
    start = f"datum.x + {days * DAY_MS * 0.1 + part * width}"
    return [{"calculate": start, "as": "start"}, {"calculate": f"datum.start + {width}", "as": "end"}]


def bars(days: float, encoding: dict, *steps: dict, place: list[dict] | None = None) -> dict:
    """Bars over days, so many wide."""
    across = {"x": DAY | {"field": "start"}, "x2": {"field": "end"}, "y2": {"datum": 0}}
    return {"transform": [*steps, *(place or span(days))], "mark": "bar", "encoding": across | encoding}


def lines(colors: Colors, y: dict = LEVEL, **mark) -> dict:
    """A line per series."""
    return {
        "mark": {"type": "line", "strokeWidth": 2, "strokeJoin": "round"} | mark,
        "encoding": {"x": DAY, "y": y, "color": color(colors)},
    }


def areas(colors: Colors, stack: str) -> dict:
    """Areas one upon another, in the order of their series."""
    axis = {"format": "%" if stack == "normalize" else ",~f", "title": None}
    return {
        "transform": [{"calculate": f"indexof({list(colors)}, datum.series)", "as": "order"}],
        "mark": {"type": "area", "stroke": "var(--paper)", "strokeWidth": 0.5},
        "encoding": {
            "x": DAY,
            "y": VALUE | {"stack": stack, "axis": axis},
            "order": {"field": "order", "type": "quantitative"},
            "color": color(colors),
        },
    }


def band(low: str, high: str, **mark) -> dict:
    """An area between two fields of rows that have both."""
    return {
        "mark": {"type": "area", "color": "var(--holders)", "opacity": 0.18} | mark,
        "encoding": {"x": DAY, "y": LEVEL | {"field": low}, "y2": {"field": high}},
    }


@chart(x="session", unit="US$ m", series="fund", by="asset", shows="one", bar=1)
def flows_daily(colors: Colors) -> dict:
    """A bar per session: blue where money came in, orange where it left."""
    return {"layer": [bars(1, {"y": VALUE, "color": IN_OR_OUT, "opacity": FAINT}), ZERO]}


@chart(x="week", unit="US$ m", series="fund", by="asset", across="weeks")
def flows_by_fund(colors: Colors) -> dict:
    """Weeks across, funds down: a cell is blue where the fund took in and orange where it gave back."""
    week = {
        "field": "x",
        "type": "ordinal",
        "axis": {
            "orient": "top",
            "title": None,
            "labelAngle": 0,
            "labelOverlap": True,
            "labelExpr": "utcFormat(toDate(datum.value), '%-d %b')",
        },
    }
    tints = [f"var(--{tint})" for tint in ("out-3", "out-2", "out-1", "none", "in-1", "in-2", "in-3")]
    steps = {"type": "threshold", "domain": [-300, -100, -0.05, 0.05, 100, 300], "range": tints}
    cell = {"type": "rect", "stroke": "var(--paper)", "strokeWidth": 1}
    return {
        "encoding": {"x": week, "y": {"field": "series", "sort": None, "title": None}},
        "layer": [
            {
                "mark": cell,
                "encoding": {
                    "color": {"field": "value", "type": "quantitative", "scale": steps, "legend": None},
                    "opacity": FAINT,
                },
            },
            {
                "mark": {"type": "text", "opacity": {"expr": "bandwidth('x') > 34 ? 1 : 0"}},
                "encoding": {"text": {"field": "value", "type": "quantitative", "format": ",.0f"}},
            },
        ],
    }


@chart(x="session", unit="US$ bn", series="fund", by="asset")
def cumulative_flows(colors: Colors) -> dict:
    """A line per fund, and one of all together."""
    return {"layer": [ZERO, lines(colors, VALUE)]}


@chart(x="session", unit="coins", series="fund", by="asset")
def holdings(colors: Colors) -> dict:
    """The coins of all funds, split by fund."""
    return areas(colors, "zero")


@chart(x="session", unit="% of net assets", series="fund", by="asset")
def market_share(colors: Colors) -> dict:
    """A line per fund."""
    return lines(colors, VALUE)


@chart(x="session", unit="sessions", series="fund", by="asset", shows="one", bar=1)
def streaks(colors: Colors) -> dict:
    """A bar per session as high as the run of inflows is long, or as deep as that of outflows."""
    return {"layer": [bars(1, {"y": VALUE, "color": IN_OR_OUT}), ZERO]}


BAND = ("holders, lowest definition", "holders, highest definition")
SIDES = {"funds": "in", "long-term holders": "holders", "issued": "muted", "apparent demand": "demand"}


@chart(x="day", unit="BTC", by="window", colors=SIDES | dict.fromkeys(BAND, "holders"), band=BAND)
def demand_and_supply(colors: Colors) -> dict:
    """A line per side of the market, with a band where definitions of a long-term holder differ."""
    both = {"pivot": "series", "value": "value", "groupby": ["x"]}
    drawn = {"filter": f"indexof({[*BAND]}, datum.series) < 0"}
    shown = {name: colors[name] for name in colors if name not in BAND}
    return {"layer": [{"transform": [both]} | band(*BAND), ZERO, {"transform": [drawn]} | lines(shown, VALUE)]}


@chart(x="day", unit="BTC", series="series", colors={})
def long_term_supply(colors: Colors) -> dict:
    """A line per series and definition, and the band between them."""
    ends = [{"op": end, "field": "value", "as": end} for end in ("min", "max")]
    between = {"transform": [{"aggregate": ends, "groupby": ["x"]}]} | band("min", "max")
    return {"layer": [between, lines(colors)]}


WITHOUT_MOVES = ("without known moves, low", "without known moves, high")
RAW_AND_WITHOUT = {"as published": "ink"} | dict.fromkeys(WITHOUT_MOVES, "holders")


@chart(x="day", unit="BTC", colors=RAW_AND_WITHOUT, band=WITHOUT_MOVES)
def long_term_adjusted(colors: Colors) -> dict:
    """A line as published, and the band in which it would be without known moves inside one owner."""
    both = {"pivot": "series", "value": "value", "groupby": ["x"]}
    raw = {"filter": "datum.series === 'as published'"}
    edge = {"color": "var(--holders)", "strokeWidth": 1}
    between = {"transform": [both]} | band(*WITHOUT_MOVES, opacity=0.45, line=edge)
    return {"layer": [between, {"transform": [raw]} | lines({"as published": colors["as published"]})]}


@chart(x="day", unit="BTC", colors=RAW_AND_WITHOUT, band=WITHOUT_MOVES)
def echo(colors: Colors) -> dict:
    """The change of a day, as a line and in a band, around the day on which moved coins are long-term again."""
    return {"layer": [*long_term_adjusted(colors)["layer"], ZERO]}


MATURED = {"matured": "in", "spent": "out", "net change": "ink"}


@chart(x="week", unit="BTC", colors=MATURED, bar=7)
def matured_and_spent(colors: Colors) -> dict:
    """Bars up for what came of age, bars down for what was spent, a line for the difference."""
    of_pair, of_net = ({"filter": f"datum.series {sign} 'net change'"} for sign in ("!==", "==="))
    net = lines(colors, VALUE, interpolate="step-after", strokeWidth=1.5)
    return {"layer": [bars(7, {"y": VALUE, "color": color(colors)}, of_pair), {"transform": [of_net]} | net, ZERO]}


@chart(x="day", unit="US$", colors={"close": "ink", "200-day mean": "mean", "realized price": "holders"})
def price(colors: Colors) -> dict:
    """The close, and the two averages it is compared with."""
    return lines(colors)


@chart(x="US$ from", unit="BTC", colors={"BTC": "holders"}, across="steps")
def cost_basis(colors: Colors) -> dict:
    """How many coins last moved at which price."""
    axis = {"format": ",.0f", "title": "US$", "labelAngle": 0, "labelOverlap": True}
    return {
        "mark": {"type": "bar", "color": "var(--holders)"},
        "encoding": {"x": {"field": "x", "type": "ordinal", "axis": axis}, "y": VALUE},
    }


AGES = ["older", "to 3 years", "to 1 year", "to 6 months", "to 1 month", "to 1 week"]


@chart(x="day", unit="BTC", series="age", colors={age: f"age-{6 - place}" for place, age in enumerate(AGES)})
def age_bands(colors: Colors) -> dict:
    """The supply, split by the age of its coins: the oldest at the foot."""
    return areas(colors, "normalize")


@chart(x="session", unit="US$ m", by="asset", colors={"first print": "muted", "final": "ink"})
def first_prints(colors: Colors) -> dict:
    """A dot for the first total that was printed, a ring for the final one, and a line for what lies between."""
    dots = {"type": "point", "filled": True, "size": 45, "opacity": 1}
    ends = [{"op": end, "field": "value", "as": end} for end in ("min", "max")]
    between = {
        "transform": [{"aggregate": ends, "groupby": ["x"]}],
        "mark": {"type": "rule", "color": "var(--line)", "strokeWidth": 2},
        "encoding": {"x": DAY, "y": VALUE | {"field": "min"}, "y2": {"field": "max"}},
    }
    return {"layer": [between, ZERO, {"mark": dots, "encoding": {"x": DAY, "y": VALUE, "color": color(colors)}}]}


@chart(x="session", unit="hours", colors={"hours": "muted", "hours, sign flipped": "out"})
def reporting_latency(colors: Colors) -> dict:
    """A dot per session, orange where a partial total had the opposite sign."""
    hours = {"scale": {"type": "symlog"}, "axis": {"title": None, "values": [1, 6, 24, 72, 168, 720, 2160]}}
    dots = {"type": "circle", "size": 60, "opacity": 1}
    return {"mark": dots, "encoding": {"x": DAY, "y": VALUE | hours, "color": color(colors)}}


@chart(x="week", unit="BTC", series="dating", colors={"trade_date": "ink", "as_of_date": "muted"}, bar=7)
def flows_by_convention(colors: Colors) -> dict:
    """Two bars a week: the same shares by the date of the trade and by the date of the count."""
    sides = [
        bars(
            7,
            {"y": VALUE, "color": color(colors), "opacity": FAINT},
            {"filter": f"datum.series === '{name}'"},
            place=span(7, part, len(colors)),
        )
        for part, name in enumerate(colors)
    ]
    return {"layer": [*sides, ZERO]}
