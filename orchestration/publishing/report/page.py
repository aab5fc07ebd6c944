"""The page: the answers of the published warehouse and their charts in one self-contained HTML file."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from orchestration.answers.answers import answers, shown_in
from orchestration.publishing import findings
from orchestration.publishing.report import drawing, formatting, rendering, summary
from orchestration.publishing.report.charts import specification
from orchestration.publishing.report.results import Result, ask

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Report:
    """A self-contained page, and each of its charts as PNG by name."""

    html: str
    charts: Mapping[str, bytes]


def render(warehouse: Path, manifest: Mapping, drawn: Path | None = None) -> Report:
    """The report of a published database.

    Args:
        warehouse: the database file, which is opened read-only.
        manifest: the build's manifest, of which build_id, built_at, as_of, is_sample, failed_sources and findings are
            used.
        drawn: the folder that keeps charts for the next report.
    """
    with duckdb.connect(str(warehouse), read_only=True) as con:
        cards, charts, tables = ([ask(con, one) for one in shown_in(place)] for place in ("card", "chart", "table"))
        claims, figure, columns = (ask(con, answers()[name]) for name in ("claims", "figure_to_bytes", "columns"))
    titles = {chart.answer.name: title(chart, manifest["is_sample"]) for chart in charts if chart.rows}
    specifications = {name: specification(chart) for chart in charts if (name := chart.answer.name) in titles}
    drawings = drawing.draw({name: (specifications[name], titles[name]) for name in titles}, drawn)
    html = _template().render(
        manifest=manifest,
        moment=datetime.fromisoformat(manifest["as_of"] or manifest["built_at"]),
        sentence=summary.sentence(cards),
        findings=[findings.sentence(finding) for finding in manifest["findings"]],
        cards=cards,
        charts=charts,
        tables=tables,
        claims=claims,
        figure=figure,
        file_query=file_query(figure),
        files=answers()["file_of_bytes"],
        series_files=answers()["holder_series_files"],
        every_column=columns,
        marts=_by_mart(columns),
        drawings={name: Markup(chart.svg) for name, chart in drawings.items()},
        palettes={"light": rendering.LIGHT, "dark": rendering.DARK},
        style=_file("report.css"),
        script=_file("report.js"),
        script_hash=_hash(_file("report.js")),
    )
    return Report(html, {name: chart.png for name, chart in drawings.items()})


def title(chart: Result, is_sample: bool) -> str:
    """The title of a chart's PNG; it says what is not real, since the PNG may be shown without its page."""
    mark = "; simulated chain" if chart.simulated else "; reconstructed sample" if is_sample else ""
    return chart.answer.question + mark


def file_query(figure: Result) -> str:
    """The query that finds the archived file of the first figure found."""
    sha256 = figure.records[0]["archive_sha256"] if figure.rows else "..."
    return answers()["file_of_bytes"].sql.replace("?", f"'{sha256}'")


def _by_mart(columns: Result) -> dict[str, list[dict]]:
    marts: dict[str, list[dict]] = {}
    for record in columns.records:
        marts.setdefault(record["mart"], []).append(record)
    return marts


def _template():
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["cell"] = formatting.cell
    return environment.get_template("report.html.j2")


def _file(name: str) -> Markup:
    return Markup((HERE / name).read_text(encoding="utf-8"))


def _hash(script: str) -> str:
    """The script's hash for the page's content security policy, which allows no other script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
