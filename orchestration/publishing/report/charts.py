"""The drawing of each chart: a function from the rows of the answer of its name to a Vega-Lite specification."""

from collections.abc import Callable, Sequence

from orchestration.publishing.report.results import Result, Row

Drawing = Callable[[Sequence[Row]], dict]
DRAWINGS: dict[str, Drawing] = {}
"""By the name of the answer."""

DAY = {
    "field": "day",
    "type": "temporal",
    "scale": {"type": "utc"},
    "axis": {"format": "%b %y", "title": None, "tickCount": "month", "labelOverlap": True},
}
WEEK = {
    "field": "week",
    "type": "ordinal",
    "axis": {
        "title": None,
        "labelAngle": 0,
        "labelOverlap": True,
        "labelExpr": "utcFormat(toDate(datum.value), '%-d %b')",
    },
}
LINE = {"type": "line", "strokeWidth": 2}
LINE_LEGEND = {"symbolType": "stroke", "symbolStrokeWidth": 3}
QUANTITY = {"type": "quantitative", "axis": {"format": ",.0f", "title": None}}
LEVEL = QUANTITY | {"scale": {"zero": False}}
IN_AND_OUT = ["var(--in)", "var(--out)"]
FAINT_IF_INCOMPLETE = {"condition": {"test": "datum['is complete']", "value": 1}, "value": 0.4}


def draws_answer(drawing: Drawing) -> Drawing:
    """Register the drawing of the answer that has the function's name."""
    DRAWINGS[drawing.__name__] = drawing
    return drawing


def specification(chart: Result) -> dict:
    """A chart's rows as a Vega-Lite specification."""
    return DRAWINGS[chart.answer.name](chart.records)


@draws_answer
def flows_by_fund(rows: Sequence[Row]) -> dict:
    """Weeks across, funds down: a cell is blue where the fund took in and orange where it gave back."""
    place = {
        "x": WEEK | {"axis": WEEK["axis"] | {"orient": "top"}},
        "y": {"field": "fund", "sort": None, "title": None},
    }
    tints = [f"var(--{tint})" for tint in ("out-3", "out-2", "out-1", "none", "in-1", "in-2", "in-3")]
    steps = {"type": "threshold", "domain": [-300, -100, -0.05, 0.05, 100, 300], "range": tints}
    funds = len({row["fund"] for row in rows})
    return {
        "data": {"values": rows},
        "height": 24 * funds + 40,
        "encoding": place,
        "layer": [
            {
                "mark": {"type": "rect", "stroke": "var(--paper)", "strokeWidth": 2},
                "encoding": {
                    "color": {"field": "US$ m", "type": "quantitative", "scale": steps, "legend": None},
                    "opacity": FAINT_IF_INCOMPLETE,
                },
            },
            {
                "mark": {"type": "text", "aria": False},
                "encoding": {"text": {"field": "US$ m", "type": "quantitative", "format": ",.0f"}},
            },
        ],
    }


@draws_answer
def flows_by_convention(rows: Sequence[Row]) -> dict:
    """Two bars a week: the same shares by the date of the trade and by the date of the count."""
    colors = {"domain": ["trade_date", "as_of_date"], "range": IN_AND_OUT}
    return {
        "data": {"values": rows},
        "mark": "bar",
        "encoding": {
            "x": WEEK,
            "xOffset": {"field": "dating", "sort": colors["domain"]},
            "y": {"field": "BTC"} | QUANTITY,
            "color": {"field": "dating", "scale": colors},
            "opacity": FAINT_IF_INCOMPLETE,
        },
    }


@draws_answer
def demand_and_supply(rows: Sequence[Row]) -> dict:
    """Two bars a week, what the funds took in and what was let go, with the share that they absorbed above."""
    measures = ["funds took in", "issued and let go"]
    top = "max(0, datum['funds took in'], datum['issued and let go'])"
    share = "isValid(datum['share absorbed']) ? format(datum['share absorbed'], '.0%') : ''"
    label = f"datum['internal move'] ? '*' : {share}"
    # one move of 798,636 BTC between a custodian's own wallets would flatten all other weeks
    drawn = [row | dict.fromkeys(measures) | {"share absorbed": None} if row["internal move"] else row for row in rows]
    return {
        "data": {"values": drawn},
        "encoding": {"x": WEEK},
        "layer": [
            {
                "transform": [{"fold": measures, "as": ["measure", "BTC"]}],
                "mark": "bar",
                "encoding": {
                    "xOffset": {"field": "measure", "sort": measures},
                    "y": {"field": "BTC"} | QUANTITY,
                    "color": {"field": "measure", "scale": {"domain": measures, "range": IN_AND_OUT}},
                    "opacity": FAINT_IF_INCOMPLETE,
                },
            },
            {
                "transform": [{"calculate": top, "as": "top"}, {"calculate": label, "as": "label"}],
                "mark": {"type": "text", "dy": -8, "aria": False},
                "encoding": {"y": {"field": "top"} | QUANTITY, "text": {"field": "label"}},
            },
        ],
    }


@draws_answer
def long_term_supply(rows: Sequence[Row]) -> dict:
    """One line per series and definition."""
    hues = [f"var(--{hue})" for hue in ("in", "out", "muted", "age-2", "age-5", "ink")]
    return {
        "data": {"values": rows},
        "mark": LINE,
        "encoding": {
            "x": DAY,
            "y": {"field": "BTC"} | LEVEL,
            "color": {"field": "series", "scale": {"range": hues}, "legend": LINE_LEGEND | {"columns": 1}},
        },
    }


@draws_answer
def matured_and_spent(rows: Sequence[Row]) -> dict:
    """Bars up for what came of age, bars down for what was spent, a mark for the difference."""
    measures = ["matured", "spent"]
    return {
        "data": {"values": rows},
        "encoding": {"x": WEEK},
        "layer": [
            {
                "transform": [
                    {"fold": measures, "as": ["measure", "coins"]},
                    {"calculate": "datum.measure === 'spent' ? -datum.coins : datum.coins", "as": "BTC"},
                ],
                "mark": "bar",
                "encoding": {
                    "y": {"field": "BTC"} | QUANTITY,
                    "color": {"field": "measure", "scale": {"domain": measures, "range": IN_AND_OUT}},
                },
            },
            {
                "mark": {"type": "tick", "color": "var(--ink)", "thickness": 3, "width": 10},
                "encoding": {"y": {"field": "net change"} | QUANTITY},
            },
        ],
    }


@draws_answer
def age_bands(rows: Sequence[Row]) -> dict:
    """A column per month, split by the age of its coins."""
    bands = ["to 1 week", "to 1 month", "to 6 months", "to 1 year", "to 3 years", "older"]
    return {
        "data": {"values": rows},
        "height": 270,
        "transform": [{"calculate": f"indexof({bands}, datum.age)", "as": "order"}],
        "mark": "bar",
        "encoding": {
            "x": WEEK
            | {"field": "day", "axis": WEEK["axis"] | {"labelExpr": "utcFormat(toDate(datum.value), '%b %y')"}},
            "y": {"field": "BTC", "type": "quantitative", "stack": "normalize", "axis": {"format": "%", "title": None}},
            "order": {"field": "order", "type": "quantitative", "sort": "descending"},
            "color": {
                "field": "age",
                "scale": {"domain": bands, "range": [f"var(--age-{step})" for step in range(1, 7)]},
                "legend": {"columns": 3},
            },
        },
    }


@draws_answer
def price(rows: Sequence[Row]) -> dict:
    """The close, and the two averages it is compared with."""
    measures = ["close", "200-day mean", "realized price"]
    hues = ["var(--ink)", "var(--out)", "var(--in)"]
    return {
        "data": {"values": rows},
        "transform": [{"fold": measures, "as": ["measure", "US$"]}, {"filter": "datum['US$'] !== null"}],
        "mark": LINE,
        "encoding": {
            "x": DAY,
            "y": {"field": "US$"} | LEVEL,
            "color": {"field": "measure", "scale": {"domain": measures, "range": hues}, "legend": LINE_LEGEND},
        },
    }


@draws_answer
def cost_basis(rows: Sequence[Row]) -> dict:
    """How many coins last moved at which price."""
    return {
        "data": {"values": rows},
        "mark": {"type": "bar", "color": "var(--in)"},
        "encoding": {
            "x": {
                "field": "US$ from",
                "type": "ordinal",
                "axis": {"format": ",.0f", "title": "US$", "labelAngle": 0, "labelOverlap": True},
            },
            "y": {"field": "BTC"} | QUANTITY,
        },
    }


@draws_answer
def reporting_latency(rows: Sequence[Row]) -> dict:
    """A dot per session, orange where a partial total had the opposite sign."""
    hours = {"scale": {"type": "symlog"}, "axis": {"title": None, "values": [1, 6, 24, 72, 168, 720, 2160]}}
    return {
        "data": {"values": rows},
        "mark": {"type": "circle", "size": 70, "opacity": 1},
        "encoding": {
            "x": WEEK | {"field": "session"},
            "y": {"field": "hours", "type": "quantitative"} | hours,
            "color": {"condition": {"test": "datum['sign flipped']", "value": "var(--out)"}, "value": "var(--in)"},
        },
    }
