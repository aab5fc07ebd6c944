"""Vega-Lite specifications as SVG and PNG, rendered by vl-convert in this process: no browser, no network.

Colours are CSS variables, so that one drawing works in light and dark; a PNG has the light ones. Every drawing is WIDTH
wide: legible on a phone, and two fit side by side on a desktop, so no chart is drawn twice (0.1 s of CPU each, after
0.7 s for the first).
"""

import re
from collections.abc import Mapping, Sequence
from html import escape

import vl_convert

WIDTH = 400
PNG_SCALE = 2
LIGHT = {
    "paper": "#ffffff",
    "ink": "#1b1f24",
    "muted": "#57606a",
    "line": "#d8dee4",
    "in": "#0b6aa8",
    "out": "#c2500c",
    "late": "#b3261e",
    "none": "#f1f3f5",
    "in-1": "#dcebf7",
    "in-2": "#a9cfec",
    "in-3": "#6fb1e0",
    "out-1": "#fbe6d6",
    "out-2": "#f5bf94",
    "out-3": "#ee9a57",
    "holders": "#7d3cb5",
    "demand": "#2f8757",
    "mean": "#b07d00",
    "fund-1": "#0d7f7a",
    "fund-2": "#b83280",
    "fund-3": "#7c7a12",
    "fund-4": "#8f5a3c",
    "fund-5": "#4a5c96",
    "fund-6": "#c0506a",
    "fund-rest": "#9aa3ad",
    "age-1": "#f2d43c",
    "age-2": "#cdb85c",
    "age-3": "#a59c74",
    "age-4": "#7c7b78",
    "age-5": "#575d6d",
    "age-6": "#213a6b",
}
DARK = {
    "paper": "#0f1419",
    "ink": "#e6edf3",
    "muted": "#9aa7b4",
    "line": "#2d3640",
    "in": "#58a6e8",
    "out": "#f0883e",
    "late": "#ff8f85",
    "none": "#1a2129",
    "in-1": "#14293b",
    "in-2": "#1d4568",
    "in-3": "#296496",
    "out-1": "#38230f",
    "out-2": "#623a14",
    "out-3": "#8f5217",
    "holders": "#b98ae8",
    "demand": "#5cbf88",
    "mean": "#e0b13a",
    "fund-1": "#3fc1ba",
    "fund-2": "#ec79b8",
    "fund-3": "#c2bf4a",
    "fund-4": "#cf9a78",
    "fund-5": "#93a5e6",
    "fund-6": "#f0909f",
    "fund-rest": "#6b7682",
    "age-1": "#f7de5a",
    "age-2": "#d6c561",
    "age-3": "#b0a56f",
    "age-4": "#8b8b85",
    "age-5": "#6f7f9c",
    "age-6": "#4a7bd0",
}
"""Blue for inflows, orange for outflows: colour-blind readers distinguish this pair best. Text on both meets AA."""

CONFIG = {
    # the page names each chart, and has its rows as a table
    "aria": False,
    "background": None,
    "font": "sans-serif",
    "view": {"stroke": None},
    "text": {"color": "var(--ink)", "fontSize": 12},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "domain": False,
        "ticks": False,
        "labelPadding": 6,
        "gridColor": "var(--line)",
    },
    "axisX": {"grid": False},
    "axisY": {"tickCount": 5},
    "legend": {
        "labelColor": "var(--ink)",
        "labelFontSize": 12,
        "title": None,
        "orient": "top",
        "symbolType": "square",
        "labelLimit": 0,
    },
}


def svg(spec: dict, rows: Sequence[Mapping]) -> str:
    """A specification and its rows as SVG whose colours are CSS variables."""
    frame = {"width": WIDTH, "height": 240, "autosize": {"type": "fit", "contains": "padding"}, "config": CONFIG}
    return vl_convert.vegalite_to_svg(frame | spec | {"data": {"values": rows}}, allowed_base_urls=[])


def png(drawing: str, title: str) -> bytes:
    """A drawing in light colours under its title; the part of the title after a colon becomes a second line."""
    _, width, height, _ = re.split(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawing, maxsplit=1)
    width, height = float(width), float(height)
    what, _, details = map(escape, title.partition(": "))
    framed = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width + 24}" height="{height + 68}" font-family="sans-serif">'
        f'<rect width="100%" height="100%" fill="var(--paper)"/>'
        f'<text x="12" y="24" font-size="15" font-weight="bold" fill="var(--ink)">{what}</text>'
        f'<text x="12" y="42" font-size="12" fill="var(--muted)">{details}</text>'
        f'<g transform="translate(12,56)">{drawing}</g></svg>'
    )
    return vl_convert.svg_to_png(re.sub(r"var\(--([\w-]+)\)", lambda name: LIGHT[name[1]], framed), scale=PNG_SCALE)
