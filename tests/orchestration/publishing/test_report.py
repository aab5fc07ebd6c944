"""The report: what it says, that its queries lead to the bytes, and how it behaves in a browser."""

import hashlib
import html
import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import duckdb
import polars as pl
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from ingestion import sample
from orchestration.answers.answers import answers, shown_in
from orchestration.publishing import published
from orchestration.publishing.report import page, rendering
from orchestration.publishing.report.charts import DRAWINGS
from orchestration.publishing.report.page import render
from orchestration.publishing.report.results import Result, ask
from orchestration.publishing.report.summary import sentence

CHARTS = shown_in("chart")
MANIFEST = {
    "build_id": "20260105T060000Z-made",
    "built_at": "2026-01-05T06:00:00Z",
    "as_of": None,
    "is_sample": False,
    "failed_sources": [],
    "findings": [],
    "versions": {"flowhouse": "0"},
}
HOSTILE = "<script>document.title='taken'</script>\"'&"
MARKS = "[class*=role-mark] path, [class*=role-mark] text"


@pytest.fixture(scope="module")
def folder(sample_home) -> Path:
    return (sample_home / "published" / "latest").resolve()


@pytest.fixture(scope="module")
def page_text(folder) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def warehouse(tmp_path) -> Path:
    """A small warehouse: weekly flows of one fund, whose ticker is hostile HTML, and an empty mart."""
    file = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute("create schema marts")
        con.execute(
            "create table marts.etf_flows_weekly as select 'BTC' as asset, $1 as ticker, date '2025-11-03' as"
            " week_start_date, 'farside' as source, 'trade_date' as dating_convention, -581e6 as net_flow_usd,"
            " -5516.4 as net_flow_native, 5 as sessions, 5 as expected_sessions, true as is_complete",
            [HOSTILE],
        )
        con.execute("comment on table marts.etf_flows_weekly is '<b>One row per fund.</b>'")
        con.execute(
            "create table marts.etf_market_flows_weekly as select 'BTC' as asset, date '2025-11-03' as week_start_date,"
            " 'farside' as source, -1208.4e6 as net_flow_usd, -11675.21 as net_flow_native, 11 as funds_reported,"
            " 11 as funds_expected, true as is_complete"
        )
        con.execute(
            "create table marts.claims (claim_id varchar, article varchar, quote varchar, verdict varchar,"
            " unit varchar, evidence varchar, as_of date,"
            " observed_value double, rows_used bigint, rows_expected bigint)"
        )
    return file


# What it says


def test_a_build_writes_the_page_and_its_charts_and_says_where(sample_home, folder, flowhouse):
    said = flowhouse("build", "--home", sample_home, "--quiet").output
    assert f"Report:    {folder / 'report.html'}" in said
    assert {image.stem for image in (folder / "charts").iterdir()} <= {chart.name for chart in CHARTS}
    assert len(list((folder / "charts").iterdir())) >= 8  # no session of the sample is watched as it is reported
    assert all(image.read_bytes().startswith(b"\x89PNG") for image in (folder / "charts").iterdir())


def test_the_answer_is_the_sum_of_the_facts(page_text):
    flows = pl.read_csv(Path(sample.__file__).parent / "btc_flows.csv", infer_schema=False)
    week = flows.filter(pl.col("value_date").is_between(pl.lit("2025-11-03"), pl.lit("2025-11-09")))
    usd_m = week.drop("value_date", "total").cast(pl.Float64).sum().sum_horizontal().item()
    answer = html.unescape(re.search(r'class="answer">(.*?)<', page_text)[1])
    assert f"gave back 11,675 BTC (US$ \N{MINUS SIGN}{-usd_m:,.0f} m)" in answer
    assert "In the week of 3 Nov 2025 to 9 Nov 2025" in answer


def test_the_answer_follows_the_signs_and_leaves_simulated_holders_out(warehouse):
    with duckdb.connect(str(warehouse)) as con:
        con.execute("update marts.etf_market_flows_weekly set net_flow_native = 5, net_flow_usd = 1e6")
        con.execute(
            "create table marts.onchain_lth_flows_daily as select 'BTC' as asset, network, 'derived' as series, 'd' as"
            " definition_id, date '2025-11-03' + cast(n as integer) as value_date, 1.5 as net_change_native,"
            " 2.0 as spent_native, 3.0 as spent_usd from range(7) as days(n), (values ('regtest')) as on_(network)"
        )
        cards = [ask(con, answer) for answer in shown_in("card")]
        assert sentence(cards).endswith("US spot Bitcoin funds took in 5.00 BTC (US$ 1.00 m).")
        con.execute("update marts.onchain_lth_flows_daily set network = 'main'")
        cards = [ask(con, answer) for answer in shown_in("card")]
        assert sentence(cards).endswith("the supply of long-term holders rose by 10.50 BTC (derived, d).")
        con.execute("delete from marts.onchain_lth_flows_daily where value_date = '2025-11-09'")
        cards = [ask(con, answer) for answer in shown_in("card")]
        assert sentence(cards).endswith("US spot Bitcoin funds took in 5.00 BTC (US$ 1.00 m).")


def test_a_week_with_a_known_internal_move_says_so(folder):
    with duckdb.connect(str(folder / published.WAREHOUSE), read_only=True) as con:
        cards = [ask(con, answer) for answer in shown_in("card")]
        chart = ask(con, answers()["demand_and_supply"])
    assert "internal move" not in sentence(cards)
    at = cards[-1].columns.index("internal move")
    flagged = tuple((*row[:at], True, *row[at + 1 :]) for row in cards[-1].rows)
    assert "touched by a known internal move" in sentence([*cards[:-1], replace(cards[-1], rows=flagged)])
    rows = chart.records
    drawn = DRAWINGS["demand_and_supply"]([*rows[:-1], rows[-1] | {"internal move": True}])["data"]["values"]
    assert [row["funds took in"] for row in drawn] == [*(row["funds took in"] for row in rows[:-1]), None]


def test_a_picture_says_itself_what_is_not_real():
    real, simulated = (Result(CHARTS[0], ("network",), ((network,),)) for network in ("main", "regtest"))
    assert page.title(real, is_sample=False) == CHARTS[0].question
    assert page.title(real, is_sample=True).endswith("; reconstructed sample")
    assert page.title(simulated, is_sample=True).endswith("; simulated chain")


def test_sample_and_simulation_are_said_plainly(page_text, warehouse):
    assert "This is the bundled sample." in page_text
    assert page_text.count("regtest is simulated: it never happened") >= 4
    other = render(warehouse, MANIFEST).html
    assert "bundled sample" not in other
    assert "regtest is simulated" not in other


def test_spending_in_dollars_is_called_what_it_is():
    shown = [answer for answer in answers().values() if "spent_usd" in answer.sql]
    assert shown
    assert all("value of coins moved, not sale proceeds" in answer.reading for answer in shown)


def test_a_source_that_failed_is_named(warehouse):
    assert "farside failed" in render(warehouse, MANIFEST | {"failed_sources": ["farside"]}).html


def test_a_mart_without_rows_or_without_being_there_is_one_sentence(warehouse):
    report = render(warehouse, MANIFEST)
    assert answers()["claims"].empty in report.html
    assert "This warehouse has no marts.demand_vs_supply_weekly." in report.html
    assert set(report.charts) == {"flows_by_fund"}


def test_claims_stand_with_their_verdicts_and_are_counted(warehouse):
    with duckdb.connect(str(warehouse)) as con:
        for claim, verdict in (("A1", "supported"), ("A2", "no_public_data"), ("A3", "supported")):
            con.execute("insert into marts.claims (claim_id, verdict) values ($1, $2)", [claim, verdict])
    text = render(warehouse, MANIFEST).html
    assert "<p>1 no public data, 2 supported.</p>" in text
    assert re.search(r"<td>A2</td>.*<td>no public data</td>", text)


def test_what_comes_from_data_is_never_markup(warehouse):
    text = render(warehouse, MANIFEST).html
    assert HOSTILE not in text
    assert text.count("<script>") == 1
    assert "&lt;script&gt;document" in text
    assert "&lt;b&gt;One row per fund." in text


def test_every_column_is_listed_with_its_meaning(page_text, folder, rows):
    named = dict(re.findall(r"<dt><code>(.*?)</code>.*?<dd>(.*?)</dd>", page_text))
    columns = rows(folder, "select column_name, comment from duckdb_columns() where schema_name = 'marts'")
    assert set(named) == {name for name, _ in columns}
    assert html.unescape(named["is_complete"]).strip() in {meaning.strip() for name, meaning in columns}


def test_a_link_to_columns_leads_somewhere(page_text):
    anchors = re.findall(r'\bid="(.*?)"', page_text)
    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r'href="#(.*?)"', page_text)) <= set(anchors)


def test_two_queries_lead_from_a_figure_to_its_bytes(page_text, folder, sample_home, rows, monkeypatch):
    queries = {
        of: html.unescape(text)
        for of, text in re.findall(r'aria-label="Query: (.*?)"><code>(.*?)</code>', page_text, re.S)
    }
    monkeypatch.chdir(sample_home.parent)
    _, raw_text, _, _, sha256 = rows(folder, queries["what was said, and in which bytes"])[0]
    [(meta, *_)] = rows(folder, queries["the file of those bytes"])
    file = Path(meta).with_name(json.loads(Path(meta).read_text())["file"])
    assert hashlib.sha256(file.read_bytes()).hexdigest() == sha256
    assert raw_text in file.read_text()
    [(meta, *_)] = rows(folder, queries["the files of published series of holders, in one step"])
    assert "holder_series/published_utxo" in meta


REPORT = [answer for place in ("card", "chart", "table", "report") for answer in shown_in(place)]
ON_THE_WAREHOUSE = [answer for answer in REPORT if "read_json" not in answer.sql]


@pytest.mark.parametrize("answer", ON_THE_WAREHOUSE, ids=lambda answer: answer.name)
def test_every_query_is_answered_within_a_tenth_of_a_second(answer, folder):
    with duckdb.connect(str(folder / published.WAREHOUSE), read_only=True) as con:
        took = []
        for _ in range(3):
            begun = time.perf_counter()
            ask(con, answer)
            took.append(time.perf_counter() - begun)
    assert min(took) < 0.1


# How it is drawn


def test_every_chart_has_its_drawing_and_every_drawing_its_chart():
    assert DRAWINGS.keys() == {chart.name for chart in CHARTS}


def luminance(color: str) -> float:
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [rendering.LIGHT, rendering.DARK], ids=["light", "dark"])
def test_text_and_marks_stand_out(palette):
    grounds = ["paper", "none", *(f"{side}-{step}" for side in ("in", "out") for step in (1, 2, 3))]
    assert all(contrast(palette["ink"], palette[ground]) >= 4.5 for ground in grounds)
    assert all(contrast(palette[text], palette["paper"]) >= 4.5 for text in ("muted", "in", "out"))
    assert palette.keys() == rendering.LIGHT.keys()


def test_a_drawing_asks_nobody_for_data():
    with pytest.raises(ValueError, match="External data url not allowed"):
        rendering.svg({"data": {"url": "http://127.0.0.1:9/rows.json"}, "mark": "point"})


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium on this machine: Debian's package is named chromium")
    with sync_playwright() as playwright:
        # Chromium's sandbox refuses to run for root, as in a container
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser):
    """Open a file as a reader would; returns the page, with its requests and errors."""
    contexts = []

    def open_file(file: Path, width: int = 1280, scheme: str = "light") -> tuple[Page, list[str], list[str]]:
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        contexts.append(context)
        shown, asked, complaints = context.new_page(), [], []
        shown.on("request", lambda request: asked.append(request.url))
        shown.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        shown.on("pageerror", lambda error: complaints.append(str(error)))
        shown.goto(file.as_uri())
        return shown, [url for url in asked if not url.startswith("data:")], complaints

    yield open_file
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (375, "light"), (375, "dark")])
def test_it_draws_at_once_and_asks_for_nothing(opened, folder, page_text, width, scheme):
    shown, asked, complaints = opened(folder / "report.html", width, scheme)
    assert asked == [(folder / "report.html").as_uri()]
    assert complaints == []
    marks = shown.eval_on_selector_all(".chart", f"charts => charts.map(c => c.querySelectorAll('{MARKS}').length)")
    assert len(marks) == len(list((folder / "charts").iterdir()))
    assert min(marks) > 0
    assert shown.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") < 2000
    assert shown.evaluate("document.documentElement.scrollWidth") == width
    paper = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(15, 20, 25)")
    assert len(page_text) < 5_000_000


def test_the_answer_is_on_the_first_screen_of_a_phone(opened, folder):
    shown, _, _ = opened(folder / "report.html", 375)
    assert shown.evaluate("document.querySelector('.answer').getBoundingClientRect().bottom") < 800


def test_text_in_charts_is_legible_on_a_phone(opened, folder):
    shown, _, _ = opened(folder / "report.html", 375)
    scale = shown.evaluate("Math.min(...[...document.querySelectorAll('.chart svg')].map(svg => svg.getScreenCTM().a))")
    assert scale * rendering.CONFIG["axis"]["labelFontSize"] > 10


def test_its_policy_refuses_every_request(opened, folder):
    shown, _, complaints = opened(folder / "report.html")
    assert shown.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', error => 'refused')") == "refused"
    assert "Content Security Policy" in complaints[0]


def test_markup_in_data_does_nothing(opened, warehouse, tmp_path):
    file = tmp_path / "report.html"
    file.write_text(render(warehouse, MANIFEST).html, encoding="utf-8")
    shown, _, complaints = opened(file)
    assert shown.title() == "flowhouse: who is selling, who is buying"
    assert complaints == []
    assert HOSTILE in shown.locator("td", has_text="document.title").first.text_content()


def test_a_keyboard_reaches_and_opens_everything(opened, folder):
    shown, _, _ = opened(folder / "report.html")
    shown.keyboard.press("Tab")
    assert shown.evaluate("document.activeElement.className") == "skip"
    query = shown.locator("#flows_by_fund ~ .foot details summary").last
    query.focus()
    shown.keyboard.press("Enter")
    assert shown.locator("#flows_by_fund ~ .foot details pre").is_visible()
    assert shown.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    shown.keyboard.press("Enter")
    assert not shown.locator("#flows_by_fund ~ .foot details pre").is_visible()


def test_a_link_to_a_mart_opens_its_columns(opened, folder):
    shown, _, _ = opened(folder / "report.html")
    shown.locator(".charts .columns a").first.click()
    shown.locator("#columns-etf_flows_weekly dl").wait_for(state="visible", timeout=2000)


def test_a_pointer_over_a_mark_reads_it(opened, folder):
    shown, _, _ = opened(folder / "report.html")
    shown.locator("#flows_by_convention ~ .chart [role=graphics-symbol][aria-roledescription=bar]").first.hover()
    assert re.search(r"BTC: [\d,.]+", shown.locator("#tip").text_content())


def test_a_screen_reader_finds_landmarks_names_and_headings_in_order(opened, folder):
    shown, _, _ = opened(folder / "report.html")
    for landmark in ("banner", "main", "navigation", "contentinfo"):
        assert shown.get_by_role(landmark).count() == 1
    levels = shown.eval_on_selector_all("h1, h2, h3", "all => all.map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    names = shown.eval_on_selector_all(
        ".chart", "all => all.map(c => document.getElementById(c.getAttribute('aria-labelledby')).textContent)"
    )
    assert set(names) <= {chart.question for chart in CHARTS}
    assert shown.locator("th:not([scope])").count() == 0
    assert shown.locator("html").get_attribute("lang") == "en"
