"""Charts as SVG and PNG, kept in a folder by what they are drawn from: few change from one build to the next."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from ingestion import durable

RENDERER = Path(__file__).with_name("rendering.py")


@dataclass(frozen=True)
class Chart:
    """One chart, as text for the page and as an image."""

    svg: str
    png: bytes


Plan = tuple[dict, Sequence[Mapping], str]
"""A Vega-Lite specification, its rows, and the title of the image."""


def draw(charts: Mapping[str, Plan], folder: Path | None) -> dict[str, Chart]:
    """Charts by name.

    Args:
        folder: holds charts drawn before, and after this call those of `charts` alone; None to keep none.
    """
    if folder is None:
        return {name: _drawn(*of) for name, of in charts.items()}
    folder.mkdir(parents=True, exist_ok=True)
    keys = {name: _key(*of) for name, of in charts.items()}
    drawn = {name: _kept(folder, keys[name]) or _keep(folder, keys[name], _drawn(*charts[name])) for name in charts}
    for path in folder.iterdir():
        if path.stem not in keys.values():
            path.unlink(missing_ok=True)
    return drawn


def _drawn(specification: dict, rows: Sequence[Mapping], title: str) -> Chart:
    # Its renderer takes 0.1 s of CPU to import, and 0.7 s for the first chart.
    from orchestration.publishing.report import rendering

    svg = rendering.svg(specification, rows)
    return Chart(svg, rendering.png(svg, title))


def _key(specification: dict, rows: Sequence[Mapping], title: str) -> str:
    """The digest of all that a chart is drawn from."""
    return hashlib.sha256(json.dumps([specification, rows, title, _renderer()]).encode()).hexdigest()


@cache
def _renderer() -> list[str]:
    return [version("vl-convert-python"), hashlib.sha256(RENDERER.read_bytes()).hexdigest()]


def _kept(folder: Path, key: str) -> Chart | None:
    try:
        return Chart((folder / f"{key}.svg").read_text(encoding="utf-8"), (folder / f"{key}.png").read_bytes())
    except FileNotFoundError:
        return None


def _keep(folder: Path, key: str, chart: Chart) -> Chart:
    """Write a chart, each of its files whole or not at all; one without the other, of a killed run, is not read."""
    durable.write({folder / f"{key}.png": chart.png, folder / f"{key}.svg": chart.svg.encode()})
    return chart
