"""The page: the answers of the published warehouse and their charts in one self-contained HTML file."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from orchestration import quiet_duckdb
from orchestration.answers.answers import answers, shown_in
from orchestration.publishing import findings
from orchestration.publishing.report import drawing, engine, formatting, rendering, stress, summary
from orchestration.publishing.report.charts import CHARTS
from orchestration.publishing.report.panel import Panel, fund_colors, panel
from orchestration.publishing.report.results import Result, ask

HERE = Path(__file__).parent
BESIDE = {"SQL in the browser": "sql.html", "docs": "docs/index.html", "Parquet": "parquet"}
"""What lies in the published folder beside the page, by what its link says."""


@dataclass(frozen=True)
class Report:
    """A self-contained page, and each of its charts as PNG by name."""

    html: str
    charts: Mapping[str, bytes]


def render(warehouse: Path, manifest: Mapping, kept: Path | None = None) -> Report:
    """The report of a published database.

    Args:
        warehouse: the database file, which is opened read-only.
        manifest: the build's manifest, of which build_id, built_at, as_of, is_sample, sources, failed_sources, findings
            and marts are used.
        kept: the folder that keeps charts and their script for the next report.
    """
    with quiet_duckdb.connect(warehouse) as con:
        tiles, charts, lines, tables = (
            [ask(con, one) for one in shown_in(place)] for place in ("tile", "chart", "stress", "table")
        )
        looked_up = {
            one.name: ask(con, one) for one in shown_in("report") if "read_json" not in one.sql and "?" not in one.sql
        }
    funds = fund_colors(next(chart for chart in charts if chart.answer.name == "flows_daily").records)
    panels = {chart.answer.name: panel(CHARTS[chart.answer.name], chart, funds) for chart in charts if chart.rows}
    crashes = stress.crashes(looked_up["stress_windows"])
    panels |= stress.panels(lines, crashes, funds)
    titles = {chart.answer.name: title(chart, manifest["is_sample"]) for chart in [*charts, *lines]}
    plans = {name: (of.still, of.rows(), titles[name]) for name, of in panels.items() if of.rows()}
    drawings = drawing.draw(plans, kept and kept / "charts")
    scripts = [_file("report.js"), Markup(engine.script(kept)), _file("live.js")]
    figure, columns = looked_up["figure_to_bytes"], looked_up["columns"]
    html = _template().render(
        manifest=manifest,
        moment=datetime.fromisoformat(manifest["as_of"] or manifest["built_at"]),
        failures=_failures(manifest),
        age=_age(manifest),
        sentence=summary.sentence([*tiles, looked_up["streak_now"]]),
        footnote=summary.footnote(tiles),
        findings=[findings.sentence(finding) for finding in manifest["findings"]],
        assets=_assets(panels),
        tiles=tiles,
        charts=charts,
        tables=tables,
        lines=lines,
        stress=looked_up["stress_windows"],
        crashes=crashes,
        sentences=stress.sentences(looked_up["stress_claims"], _assets(panels)),
        instruments=stress.instruments(next(line for line in lines if line.answer.name == "stress_price")),
        claims=looked_up["claims"],
        freshness=looked_up["freshness"],
        disagreements=looked_up["source_disagreements"],
        figure=figure,
        file_query=file_query(figure),
        files=answers()["file_of_bytes"],
        series_files=answers()["holder_series_files"],
        every_column=columns,
        marts=_by_mart(columns),
        parquet=manifest.get("marts", {}),
        beside={name: path for name, path in BESIDE.items() if (warehouse.parent / path).exists()},
        panels=panels,
        drawings={name: Markup(chart.svg) for name, chart in drawings.items()},
        palettes={"light": rendering.LIGHT, "dark": rendering.DARK},
        style=_file("report.css"),
        data=_data(panels, crashes),
        scripts=scripts,
        script_hashes=Markup(" ").join(_hash(script) for script in scripts),
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


def _failures(manifest: Mapping) -> list[str]:
    """A sentence for each failure of a source, or the source's name where the manifest has no more."""
    said = [(*reading["ask_failures"], *reading["failures"]) for reading in manifest.get("sources", [])]
    sentences = dict.fromkeys(sentence for failures in said for sentence in failures)
    return list(sentences) or [f"{source} failed." for source in manifest["failed_sources"]]


def _age(manifest: Mapping) -> Callable[[str, int], Markup]:
    """How old a day is, as a mark that the page's script keeps true: late after so many hours."""
    made = datetime.fromisoformat(manifest["built_at"])

    def age(day: str, late_after: int) -> Markup:
        over = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)
        late = ' class="late"' if made - over > timedelta(hours=late_after) else ""
        days = max(0, (made - over).days)
        return Markup('<time datetime="{}" data-late-after="{}"{}>{} days before this page was made</time>').format(
            over.isoformat(), late_after, Markup(late), days
        )

    return age


def _assets(panels: Mapping[str, Panel]) -> list[str]:
    """The assets that a reader can choose between."""
    return list(dict.fromkeys(asset for of in panels.values() if of.chart.by == "asset" for asset in of.choices))


def _data(panels: Mapping[str, Panel], crashes: Sequence[stress.Crash]) -> Markup:
    """What the page's script reads: the data of each chart, once."""
    content = {
        "config": rendering.CONFIG | {"legend": {"disable": True}},
        "charts": {name: of.json() for name, of in panels.items()},
        "crashes": [crash.json() for crash in crashes],
    }
    # "</script>" in a text would end its block
    return Markup(json.dumps(content, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c"))


def _by_mart(columns: Result) -> dict[str, list[dict]]:
    marts: dict[str, list[dict]] = {}
    for record in columns.records:
        marts.setdefault(record["mart"], []).append(record)
    return marts


def _template():
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {name: getattr(formatting, name) for name in ("cell", "signed", "amount", "shortday")}
    return environment.get_template("report.html.j2")


def _file(name: str) -> Markup:
    return Markup((HERE / name).read_text(encoding="utf-8"))


def _hash(script: str) -> Markup:
    """The script's hash for the page's content security policy, which allows no other script."""
    return Markup(f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'")
