"""The drawing of each line of the stress view: as in charts.py, with one axis of time from `since` to `until`.

Those two are parameters of the specification, so that all lines show the same window; the axis across the values is
equally wide in all, so that the same hour lies at the same place.
"""

from orchestration.publishing.report.charts import DATES, DAY_MS, IN_OR_OUT, TICKS, TIME, ZERO, Colors, chart, color

WINDOW = {"type": "utc", "domainMin": {"expr": "since"}, "domainMax": {"expr": "until"}, "nice": False}
FORMAT = DATES | {"month": "%-d %b", "hours": "%H:%M", "minutes": "%H:%M"}
TIME_ACROSS = TIME | {"field": "x", "scale": WINDOW, "axis": {"format": FORMAT, "title": None} | TICKS}
SHORT = (
    "abs(datum.value) >= 1e9 ? format(datum.value / 1e9, ',~g') + ' bn'"
    " : abs(datum.value) >= 1e6 ? format(datum.value / 1e6, ',~g') + ' m' : format(datum.value, ',~f')"
)
WIDE = {"title": None, "labelExpr": SHORT, "minExtent": 62, "maxExtent": 62, "tickCount": 4}
AMOUNT = {"field": "value", "type": "quantitative", "axis": WIDE, "scale": {"padding": 6, "nice": False}}
LEVEL = AMOUNT | {"scale": {"padding": 6, "nice": False, "zero": False}}
PALE = {"condition": {"test": "datum.faint", "value": 0.3}, "value": 1}
NOON = {"calculate": f"datum.x + {DAY_MS / 2}", "as": "x"}


def dotted_lines(colors: Colors, y: dict, *steps: dict, **mark) -> dict:
    """A line per series with a dot on each of its values, pale where they are not complete.

    Series of one line have moments of their own, at which others have no value and go on.
    """
    point = {"type": "point", "filled": True, "size": 12, "clip": True}
    encoding = {"x": TIME_ACROSS, "y": y, "color": color(colors)}
    return {
        "transform": [{"filter": "isValid(datum.value)"}, *steps],
        "layer": [
            {"mark": {"type": "line", "strokeWidth": 1.5, "clip": True} | mark, "encoding": encoding},
            {"mark": point, "encoding": encoding | {"opacity": PALE}},
        ],
    }


def day_bars(y: dict, start: str, end: str, **encoding) -> dict:
    """Bars from zero between two expressions of a row, in milliseconds; hollow where the value is not complete."""
    across = {"x": TIME_ACROSS | {"field": "start"}, "x2": {"field": "end"}, "y": y, "y2": {"datum": 0}}
    hollow = {"fillOpacity": {"condition": {"test": "datum.faint", "value": 0.25}, "value": 1}}
    dashed = {"strokeDash": {"condition": {"test": "datum.faint", "value": [3, 2]}, "value": [1, 0]}}
    return {
        "transform": [{"calculate": start, "as": "start"}, {"calculate": end, "as": "end"}],
        "mark": {"type": "bar", "clip": True, "strokeWidth": 1},
        "encoding": across | hollow | dashed | encoding,
    }


@chart(
    x="until", unit="US$", by="asset", has_time=True, colors={"close": "ink", "low": "out", "high": "in"},
    band=("low", "high"),
)  # fmt: skip
def stress_price(colors: Colors) -> dict:
    """A line of closes, in an area from the lowest to the highest price since the close before."""
    both = [{"pivot": "series", "value": "value", "groupby": ["x"]}]
    area = {
        "transform": both,
        "mark": {"type": "area", "color": "var(--in)", "opacity": 0.3, "clip": True, "interpolate": "step-before"},
        "encoding": {"x": TIME_ACROSS, "y": LEVEL | {"field": "low"}, "y2": {"field": "high"}},
    }
    close = {
        "transform": [{"filter": "datum.series === 'close'"}],
        "mark": {"type": "line", "strokeWidth": 1.5, "color": f"var(--{colors['close']})", "clip": True},
        "encoding": {"x": TIME_ACROSS, "y": LEVEL},
    }
    return {"layer": [area, close]}


@chart(x="at", unit="US$ m", series="contract", by="asset", colors={}, has_time=True)
def stress_open_interest(colors: Colors) -> dict:
    """A line per contract, a dot at each moment."""
    return dotted_lines(colors, LEVEL)


@chart(x="at", unit="coins", series="contract", by="asset", colors={}, has_time=True)
def stress_open_interest_coins(colors: Colors) -> dict:
    """A line per contract, a dot at each moment."""
    return dotted_lines(colors, LEVEL)


@chart(x="day", unit="% a day", series="contract", by="asset", colors={}, bar=1)
def stress_funding(colors: Colors) -> dict:
    """A line per contract, a dot in the middle of each day."""
    return {"layer": [dotted_lines(colors, AMOUNT, NOON), ZERO]}


@chart(x="day", unit="US$ m", series="venue", by="asset", colors={}, bar=1, faint="a lower bound")
def stress_liquidations(colors: Colors) -> dict:
    """Bars of a day side by side: those of shorts down, all others up."""
    names = list(colors)
    slot = DAY_MS * 0.9 / max(len(names), 1)
    start = f"datum.x + {DAY_MS * 0.05} + indexof({names}, datum.series) * {slot}"
    signed = {"calculate": "indexof(datum.series, ' short ') >= 0 ? -datum.value : datum.value", "as": "signed"}
    hue = color(colors)
    bars = day_bars(AMOUNT | {"field": "signed"}, start, f"datum.start + {slot}", color=hue, stroke=hue)
    bars["transform"] = [signed, *bars["transform"]]
    return {"layer": [bars, ZERO]}


@chart(x="from", unit="US$ m", series="side", by="asset", colors={}, has_time=True, faint="frozen")
def stress_depth(colors: Colors) -> dict:
    """A line per side, of medians or of minima; logarithmic, since an empty book is a thousandth of a full one."""
    powers = {"scale": {"type": "symlog"}, "axis": WIDE | {"values": [0, 1, 10, 100, 1000, 10_000]}}
    return dotted_lines(colors, AMOUNT | powers)


@chart(x="at", unit="coins of the other side", series="pair", colors={}, has_time=True)
def stress_stablecoins(colors: Colors) -> dict:
    """A line per venue and pair, a dot at each moment."""
    return dotted_lines(colors, LEVEL)


@chart(x="session", unit="US$ m", by="asset", colors={"all funds": "ink"}, bar=1)
def stress_fund_flows(colors: Colors) -> dict:
    """A bar per session: blue where money came in, orange where it left."""
    start, end = f"datum.x + {DAY_MS * 0.1}", f"datum.x + {DAY_MS * 0.9}"
    return {"layer": [day_bars(AMOUNT, start, end, color=IN_OR_OUT, stroke=IN_OR_OUT), ZERO]}


@chart(x="day", unit="coins", series="series", by="asset", colors={}, bar=1)
def stress_holders(colors: Colors) -> dict:
    """A line per series and definition, a dot in the middle of each day."""
    return {"layer": [dotted_lines(colors, AMOUNT, NOON), ZERO]}
