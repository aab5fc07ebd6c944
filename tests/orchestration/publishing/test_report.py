"""The report: what it says, that its queries lead to the bytes, and how it behaves in a browser."""

import hashlib
import html
import json
import re
import time
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import duckdb
import polars as pl
import pytest
from playwright.sync_api import Page

from ingestion import sample
from orchestration.answers.answers import answers, shown_in
from orchestration.home import Home
from orchestration.publishing import published
from orchestration.publishing.report import engine, page, rendering
from orchestration.publishing.report.charts import CHARTS as SPECIFICATIONS
from orchestration.publishing.report.page import render
from orchestration.publishing.report.results import Result, ask

CHARTS = (*shown_in("chart"), *shown_in("stress"))
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
    """A small warehouse: flows of one fund, whose ticker is hostile HTML, of its asset, and an empty mart."""
    file = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute("create schema marts")
        con.execute(
            "create table marts.etf_fund_daily as select 'BTC' as asset, $1 as ticker, date '2025-11-03' +"
            " cast(n as integer) as trade_date, 'farside' as flow_source, null::double as flow_difference_usd,"
            " -581e6 as net_flow_usd, true as is_reported, -581e6 as cumulative_flow_usd, -1 - n as"
            " flow_streak_sessions, 800.5 as held_native, 8e7 as net_assets_usd, 100.0 as market_share_pct"
            " from range(5) as days(n)",
            [HOSTILE],
        )
        con.execute("comment on table marts.etf_fund_daily is '<b>One row per fund.</b>'")
        con.execute(
            "create table marts.etf_market_daily as select asset, trade_date, net_flow_usd, -2335.042 as"
            " net_flow_native, 1 as funds_reported, 1 as funds_expected, 1 as funds_valued, true as is_complete,"
            " cumulative_flow_usd, flow_streak_sessions, held_native, net_assets_usd, 4.2 as supply_share_pct,"
            " 'node' as supply_method from marts.etf_fund_daily"
        )
        con.execute(
            "create table marts.etf_fund_weekly as select 'BTC' as asset, $1 as ticker, date '2025-11-03' as"
            " week_start_date, -1208.4e6 as net_flow_usd, -11675.21 as net_flow_native, 5 as sessions,"
            " 5 as expected_sessions, true as is_complete",
            [HOSTILE],
        )
        con.execute(
            "create table marts.claims (claim_id varchar, article varchar, quote varchar, verdict varchar,"
            " unit varchar, evidence varchar, as_of date,"
            " observed_value double, rows_used bigint, rows_expected bigint)"
        )
    return file


@pytest.fixture
def with_holders(warehouse) -> Path:
    """The small warehouse with holders that let go of 10.5 BTC by one definition and 40 by another."""
    with duckdb.connect(str(warehouse)) as con:
        con.execute(
            "create table marts.demand_vs_supply_daily as select 'BTC' as asset, date '2025-11-07' as value_date,"
            " 30 as window_days, true as is_preferred, -11675.21 as etf_net_flow_native, -10.5 as"
            " lth_net_change_native, -40.0 as lth_net_change_low_native, -10.5 as lth_net_change_high_native,"
            " -8.0 as lth_net_change_adjusted_low_native, 2.0 as lth_net_change_adjusted_high_native,"
            " 13500.0 as issued_native, 7.0 as apparent_demand_native, null::varchar as missing, false as"
            " has_internal_move, 'derived' as holder_series, 'age_155d_step' as definition_id"
        )
        con.execute(
            "create table marts.onchain_holder_supply_daily as select 'BTC' as asset, 'main' as network, 'derived' as"
            " series, 'age_155d_step' as definition_id, date '2025-11-07' as value_date, 15e6 as lth_native"
        )
        con.execute("create table marts.market_prices_daily as select 'BTC' as asset, date '2025-11-07' as price_date")
    return warehouse


def said(warehouse: Path) -> str:
    """The sentence of a page."""
    text = render(warehouse, MANIFEST).html
    return html.unescape(re.search(r'class="answer">(.*?)<', text)[1])


# What it says


def test_a_build_writes_the_page_and_its_charts_and_says_where(copied, flowhouse):
    said = flowhouse("build", "--home", copied, "--quiet").output
    folder = published.latest(Home(copied))
    assert f"Report:    {folder / 'report.html'}" in said
    assert {image.stem for image in (folder / "charts").iterdir()} <= {chart.name for chart in CHARTS}
    assert len(list((folder / "charts").iterdir())) >= 8  # no session of the sample is watched as it is reported
    assert all(image.read_bytes().startswith(b"\x89PNG") for image in (folder / "charts").iterdir())


def test_the_answer_is_the_sum_of_the_facts(page_text, folder, rows):
    flows = pl.read_csv(Path(sample.__file__).parent / "btc_flows.csv", infer_schema=False)
    week = flows.filter(pl.col("value_date").is_between(pl.lit("2025-11-03"), pl.lit("2025-11-09")))
    usd_m = week.drop("value_date", "total").cast(pl.Float64).sum().sum_horizontal().item()
    answer = html.unescape(re.search(r'class="answer">(.*?)<', page_text)[1])
    days = "trade_date between '2025-11-03' and '2025-11-09'"
    [(coins,)] = rows(folder, f"select sum(net_flow_native) from marts.etf_fund_daily where asset = 'BTC' and {days}")
    assert f"gave back {-coins:,.0f} BTC (US$ \N{MINUS SIGN}{-usd_m:,.0f} m)" in answer
    assert "In the week of 3 Nov 2025 to 9 Nov 2025" in answer


def test_the_answer_follows_the_signs_of_funds_and_of_holders(with_holders):
    assert "took in" not in said(with_holders)
    assert said(with_holders).endswith(
        "gave back 11,675 BTC (US$ \N{MINUS SIGN}1,208 m); to 7 Nov 2025 they had 5 sessions of outflows in a row. Over"
        " the 30 days to 7 Nov 2025 the supply of long-term holders fell by 10.50 BTC (\N{MINUS SIGN}40.00 to"
        " \N{MINUS SIGN}10.50 BTC by definition)."
    )
    with duckdb.connect(str(with_holders)) as con:
        con.execute("update marts.etf_fund_weekly set net_flow_native = 5, net_flow_usd = 1e6")
        con.execute("update marts.etf_market_daily set flow_streak_sessions = 1")
        con.execute("update marts.demand_vs_supply_daily set lth_net_change_native = 3")
        con.execute("update marts.demand_vs_supply_daily set lth_net_change_low_native = 3")
        con.execute("update marts.demand_vs_supply_daily set lth_net_change_high_native = 3")
    assert "US spot Bitcoin funds took in 5.00 BTC (US$ 1.00 m). Over" in said(with_holders)
    assert said(with_holders).endswith("rose by 3.00 BTC.")


def test_which_holders_are_meant_is_a_footnote_and_never_in_the_sentence(with_holders):
    text = render(with_holders, MANIFEST).html
    assert "age_155d_step" not in said(with_holders)
    assert "Series derived, definition age_155d_step" in text[text.index('id="footnote"') :]


def test_a_known_internal_move_is_said_in_the_sentence_and_on_its_tile(with_holders):
    assert "internal move" not in said(with_holders)
    with duckdb.connect(str(with_holders)) as con:
        con.execute("update marts.demand_vs_supply_daily set has_internal_move = true")
    sentence = said(with_holders)
    assert sentence.endswith(
        "fell by 10.50 BTC (\N{MINUS SIGN}40.00 to \N{MINUS SIGN}10.50 BTC by definition), touched by a known internal"
        " move that was no sale; without what is known of such moves it changed by \N{MINUS SIGN}8.00 to +2.00 BTC."
    )
    assert "Has a known internal move" in tile(render(with_holders, MANIFEST).html, "holders_month")


def tile(text: str, name: str) -> str:
    """The words of a tile."""
    found = re.search(rf'aria-labelledby="{name}">(.*?)</section>', text, re.S)[1]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", found)).split())


def test_a_tile_says_its_figure_its_days_its_age_and_whether_it_is_complete(with_holders):
    text = render(with_holders, MANIFEST).html
    minus = "\N{MINUS SIGN}"
    assert f"{minus}11,675 BTC sold , US$ {minus}1,208 m 3 Nov 2025 to 9 Nov 2025, 56 days" in tile(text, "week_flow")
    assert "Complete: 5 of 5 reports of funds" in tile(text, "week_flow")
    assert "Complete: 5 of 5 complete sessions" in tile(text, "month_flow")
    assert f"{minus}40 to {minus}10 by definition" in tile(text, "holders_month")
    assert "4.20 %" in tile(text, "supply_share")
    assert "Complete: 1 of 1 funds valued" in tile(text, "supply_share")


def test_a_tile_that_is_not_complete_says_so(with_holders):
    with duckdb.connect(str(with_holders)) as con:
        con.execute("update marts.etf_market_daily set is_complete = false where trade_date = '2025-11-05'")
        con.execute("update marts.etf_market_daily set funds_expected = 2")
        con.execute("update marts.demand_vs_supply_daily set missing = 'final days, coins spent'")
    text = render(with_holders, MANIFEST).html
    assert "Incomplete: 4 of 5 complete sessions" in tile(text, "month_flow")
    assert "Incomplete: its last days may still change" in tile(text, "holders_month")
    assert "Incomplete: 5 of 10 reports of funds" in tile(text, "week_flow")
    assert "Incomplete: 1 of 2 funds valued" in tile(text, "supply_share")


def test_the_answer_says_of_how_many_funds_it_speaks(with_holders):
    with duckdb.connect(str(with_holders)) as con:
        con.execute("update marts.etf_market_daily set funds_expected = 12")
    assert "US spot Bitcoin funds, by the 5 of 60 reports that are stored, gave back 11,675 BTC" in said(with_holders)
    assert "to 7 Nov 2025 they had 5 sessions of outflows in a row, by 1 of 12 funds. Over" in said(with_holders)


def test_coins_without_a_value_are_said(with_holders):
    with duckdb.connect(str(with_holders)) as con:
        con.execute("update marts.etf_market_daily set funds_valued = 0, funds_expected = 3, net_assets_usd = null")
    said = tile(render(with_holders, MANIFEST).html, "supply_share")
    assert "Incomplete: 1 of 3 funds of which coins are known, 0 of them valued in US$" in said


def test_a_home_without_a_node_says_how_to_get_holders(warehouse):
    with duckdb.connect(str(warehouse)) as con:
        con.execute(
            "create table marts.demand_vs_supply_daily (asset varchar, value_date date, window_days int,"
            " is_preferred boolean, etf_net_flow_native double, lth_net_change_native double,"
            " lth_net_change_low_native double, lth_net_change_high_native double,"
            " lth_net_change_adjusted_low_native double, lth_net_change_adjusted_high_native double,"
            " issued_native double, apparent_demand_native double, missing varchar,"
            " has_internal_move boolean, holder_series varchar, definition_id varchar)"
        )
    text = render(warehouse, MANIFEST).html
    assert answers()["holders_month"].empty in tile(text, "holders_month")
    assert "long-term holders" not in said(warehouse)


def test_an_empty_home_renders_a_page_that_says_so(tmp_path):
    file = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute("create schema marts")
    report = render(file, MANIFEST)
    assert "nobody can be named a buyer or a seller" in report.html
    assert report.charts == {}
    assert 'id="toolbar"' not in report.html


def test_sources_that_disagree_are_named_at_the_top(warehouse):
    assert "Sources disagree" not in render(warehouse, MANIFEST).html
    with duckdb.connect(str(warehouse)) as con:
        con.execute("update marts.etf_fund_daily set ticker = 'IBIT', flow_source = 'issuer'")
        con.execute("update marts.etf_fund_daily set flow_difference_usd = 440e6 where trade_date = '2025-11-05'")
    head = render(warehouse, MANIFEST).html.partition("</header>")[0]
    assert "on 1 figure of the newest 30 days: look before you rely on IBIT." in head


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


def test_a_source_that_failed_is_named_at_the_top_with_its_reason(warehouse):
    reading = {"source": "farside", "ask_failures": ["farside/btc: answered 403."], "failures": []}
    failed = MANIFEST | {"failed_sources": ["farside"], "sources": [reading]}
    head = render(warehouse, failed).html.partition("</header>")[0]
    assert "farside failed" in head
    assert "farside/btc: answered 403." in head


def test_a_mart_without_rows_or_without_being_there_is_one_sentence(warehouse):
    report = render(warehouse, MANIFEST)
    assert answers()["claims"].empty in report.html
    assert "This warehouse has no marts.demand_vs_supply_daily." in report.html
    assert set(report.charts) == {
        "flows_daily",
        "flows_by_fund",
        "cumulative_flows",
        "holdings",
        "market_share",
        "streaks",
    }


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
    assert text.count("<script>") == 3
    assert "&lt;script&gt;document" in text
    assert "&lt;b&gt;One row per fund." in text


def test_every_column_is_listed_with_its_meaning(page_text, folder, rows):
    named = dict(re.findall(r"<dt><code>(.*?)</code>.*?<dd>(.*?)</dd>", page_text))
    columns = rows(folder, "select column_name, comment from duckdb_columns() where schema_name = 'marts'")
    assert set(named) == {name for name, _ in columns}
    assert html.unescape(named["is_complete"]).strip() in {meaning.strip() for name, meaning in columns}


def test_a_link_to_columns_leads_somewhere(page_text):
    markup = re.sub(r"<script.*?</script>", "", page_text, flags=re.DOTALL)
    anchors = re.findall(r'\bid="(.*?)"', markup)
    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r'href="#(.*?)"', markup)) <= set(anchors)


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


REPORT = [answer for place in ("tile", "chart", "stress", "table", "report") for answer in shown_in(place)]
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
    assert SPECIFICATIONS.keys() == {chart.name for chart in CHARTS}


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
    assert all(contrast(palette[text], palette["paper"]) >= 4.5 for text in ("muted", "in", "out", "late"))
    assert palette.keys() == rendering.LIGHT.keys()


def test_a_drawing_asks_nobody_for_data():
    with pytest.raises(ValueError, match="External data url not allowed"):
        rendering.svg({"layer": [{"data": {"url": "http://127.0.0.1:9/rows.json"}, "mark": "point"}]}, [])


def test_a_home_keeps_the_engine_of_the_version_that_draws_the_images(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    home, another = tmp_path / "home", tmp_path / "another"
    home.mkdir()
    (home / "vega-0.0.0.js").write_text("old")
    made = engine.script(home)
    assert "vegaEmbed" in made
    assert [path.name for path in home.iterdir()] == [f"vega-{version('vl-convert-python')}.js"]
    (of_user,) = (tmp_path / "cache/flowhouse/report").iterdir()
    of_user.write_text("that of all homes")
    assert engine.script(home) == made
    assert engine.script(another) == "that of all homes"


# In a browser


def load_ms(shown: Page) -> float:
    """How long the page took to load, which loads it again: the machine may be busy with other tests."""
    took = shown.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    shown.reload()
    return took


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (375, "light"), (375, "dark")])
def test_it_draws_at_once_and_asks_for_nothing(opened, folder, page_text, width, scheme):
    shown, asked, complaints = opened(folder / "report.html", width, scheme)
    assert asked == [(folder / "report.html").as_uri()]
    assert complaints == []
    marks = shown.eval_on_selector_all(
        ".chart:has(svg)", f"charts => charts.map(c => c.querySelectorAll('{MARKS}').length)"
    )
    assert len(marks) == len(list((folder / "charts").iterdir()))
    assert min(marks) > 0
    assert any(load_ms(shown) < 2000 for _ in range(5))
    assert shown.evaluate("document.documentElement.scrollWidth") == width
    paper = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(15, 20, 25)")
    assert len(page_text) < 4_000_000


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
    assert HOSTILE in shown.locator("th", has_text="document.title").first.text_content()


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
    shown.locator("#flows_by_fund ~ .foot .columns a").first.click()
    shown.locator("#columns-etf_fund_weekly dl").wait_for(state="visible", timeout=2000)


SWEEP = """async (name) => {
  const box = document.querySelector(`[data-chart=${name}]`), tip = document.getElementById("tip");
  box.scrollIntoView({ block: "center" });
  for (let wait = 0; wait < 500 && !box.classList.contains("live"); wait++)
    await new Promise((done) => setTimeout(done, 20));
  const { left, right, top, bottom } = box.getBoundingClientRect(), said = new Set();
  for (let x = left; x < right; x += 1.5) sweep(x, top + 100);
  if (name === "flows_by_fund")
    for (let y = top; y < bottom; y += 11) for (let x = left; x < right; x += 30) sweep(x, y);
  function sweep(clientX, clientY) {
    box.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY }));
    if (!tip.hidden) said.add(tip.textContent);
  }
  return [...said];
}"""


def drawn_points(file: Path, name: str) -> int:
    """How many points a chart draws at first, counted from the data in its page."""
    text = re.search(r'id="data">(.*?)</script>', file.read_text(encoding="utf-8"), re.S)[1]
    data = json.loads(text)
    chart = data["charts"][name]
    choice = next(iter(chart["choices"].values()))
    since, until = choice["x"][-1] - 365 * 86_400_000 if chart["across"] != "steps" else choice["x"][0], choice["x"][-1]
    if chart.get("isStress"):
        since, until = data["crashes"][-1]["window"]
    series = {"All funds": choice["values"]["All funds"]} if chart["shows"] == "one" else choice["values"]
    cells = [
        (x, of)
        for of in series
        for x, value in zip(choice["x"], series[of], strict=True)
        if since <= x <= until and value is not None
    ]
    return len(cells) if chart["across"] == "weeks" else len({x for x, _ in cells})


@pytest.mark.parametrize("name", [chart.name for chart in CHARTS])
def test_a_pointer_swept_over_a_chart_reads_each_of_its_points(opened, folder, name):
    file = folder / "report.html"
    shown, _, complaints = opened(file)
    if not shown.locator(f"[data-chart={name}]").count():
        assert answers()[name].empty in file.read_text(encoding="utf-8")
        return
    if not drawn_points(file, name):
        assert "Nothing " in shown.locator(f"[data-chart={name}]").inner_text()
        return
    assert len(shown.evaluate(SWEEP, name)) == drawn_points(file, name) > 1
    assert complaints == []


def live(shown: Page, name: str):
    """A chart, once it is drawn by the page."""
    chart = shown.locator(f"[data-chart={name}]")
    chart.scroll_into_view_if_needed()
    shown.locator(f"[data-chart={name}].live").wait_for(timeout=10_000)
    return chart


OPEN = """details => new Promise((done) => {
  details.open = false;
  setTimeout(() => {
    details.addEventListener("toggle", () => setTimeout(done), { once: true });
    details.open = true;
  }, 20);
})"""


def table(shown: Page, name: str) -> list[str]:
    """The first column of the table of what a chart shows."""
    details = shown.locator(f"#{name} ~ .foot details.rows")
    details.evaluate(OPEN)
    return details.locator("tbody tr td:first-child").all_text_contents()


def test_a_range_counts_from_the_newest_day_and_all_is_all(opened, folder, rows):
    shown, _, _ = opened(folder / "report.html")
    live(shown, "price")
    count = "select count(distinct price_date) from marts.market_price_trend_daily where asset = 'BTC'"
    [(stored,)] = rows(folder, count)
    shown.get_by_label("1 m", exact=True).check()
    assert len(table(shown, "price")) == 31
    shown.get_by_label("All", exact=True).check()
    assert len(table(shown, "price")) == stored > 200


def test_the_asset_and_the_fund_are_chosen_for_all_charts_and_tiles(opened, folder):
    shown, _, _ = opened(folder / "report.html")
    live(shown, "flows_daily")
    assert shown.locator("#week_flow ~ div").first.is_visible()
    shown.get_by_label("ETH", exact=True).check()
    assert "BTC" not in shown.locator(".tile:has(#week_flow)").inner_text()
    assert "ETHA" in shown.locator("select[name=fund]").inner_text()
    shown.get_by_label("SOL", exact=True).check()
    assert shown.locator("select[name=fund]").is_hidden()  # no fund of it is stored
    shown.get_by_label("ETH", exact=True).check()
    shown.locator("select[name=fund]").select_option("ETHA")
    table(shown, "flows_daily")
    assert "ETHA" in shown.locator("#flows_daily ~ .foot th").nth(1).text_content()


def test_a_legend_takes_a_series_out_and_puts_it_back(opened, folder):
    shown, _, _ = opened(folder / "report.html")
    live(shown, "cumulative_flows")
    button = shown.locator("#cumulative_flows ~ .legend button", has_text="IBIT")
    for pressed, count in (("false", 0), ("true", 1)):
        button.focus()
        shown.keyboard.press("Enter")
        assert button.get_attribute("aria-pressed") == pressed
        assert button.evaluate("button => button === document.activeElement")
        table(shown, "cumulative_flows")
        assert shown.locator("#cumulative_flows ~ .foot th", has_text="IBIT").count() == count


def test_a_drag_zooms_every_chart_and_a_double_click_shows_all(opened, folder):
    shown, _, _ = opened(folder / "report.html")
    chart = live(shown, "flows_daily")
    before, box = table(shown, "flows_daily"), chart.bounding_box()
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    shown.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 100)
    shown.mouse.down()
    shown.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 100, steps=4)
    shown.mouse.up()
    zoomed = table(shown, "flows_daily")
    assert set(zoomed) < set(before)
    assert len(zoomed) < len(before) / 2
    assert set(table(shown, "cumulative_flows")) == set(zoomed)
    chart.dblclick(position={"x": 200, "y": 100})
    assert table(shown, "flows_daily") == before


def test_a_keyboard_walks_the_points_of_a_chart_and_zooms(opened, folder):
    shown, _, _ = opened(folder / "report.html")
    live(shown, "flows_daily").focus()
    tips = []
    for key in ("End", "ArrowLeft", "ArrowLeft", "ArrowRight", "Home"):
        shown.keyboard.press(key)
        tips.append(shown.locator("#tip").text_content())
    assert tips[1] == tips[3] != tips[2]
    assert len(set(tips)) == 4
    assert shown.locator("#tip").get_attribute("role") == "status"
    shown.keyboard.press("Escape")
    assert shown.locator("#tip").is_hidden()
    before = table(shown, "flows_daily")
    live(shown, "flows_daily").focus()
    shown.keyboard.press("+")
    assert len(table(shown, "flows_daily")) < len(before)


def test_what_a_chart_shows_is_saved_as_csv(opened, folder):
    shown, _, _ = opened(folder / "report.html")
    live(shown, "holdings")
    with shown.expect_download() as download:
        shown.locator("#holdings ~ .foot button.csv").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[0].startswith("day,IBIT,")
    assert len(lines) - 1 == drawn_points(folder / "report.html", "holdings")


def test_claims_are_searched_and_filtered_and_those_to_look_at_come_first(opened, folder):
    shown, _, _ = opened(folder / "report.html")
    verdicts = shown.locator("#claims ~ .scroll tbody tr td:nth-child(3)").all_text_contents()
    assert verdicts[0] == "contradicted"
    assert "supported" not in verdicts[: verdicts.count("contradicted") + verdicts.count("depends on definition")]
    visible = shown.locator("#claims ~ .scroll tbody tr:visible")
    shown.get_by_label("Verdict").select_option("supported")
    assert visible.count() == verdicts.count("supported") > 1
    supported = visible.all_text_contents()
    shown.get_by_label("Search").fill("BTC FELL")
    assert visible.all_text_contents() == [row for row in supported if "btc fell" in row.lower()] != []
    said = shown.locator("form.filter [role=status]").text_content()
    assert said == f"{visible.count()} of {len(verdicts)}"


def test_old_data_and_an_old_page_are_red_by_the_readers_clock(opened, with_holders, tmp_path):
    file = tmp_path / "report.html"
    file.write_text(render(with_holders, MANIFEST | {"built_at": "2025-11-08T06:00:00Z"}).html, encoding="utf-8")
    fresh, _, _ = opened(file, at="2025-11-08T12:00:00Z")
    assert fresh.locator("header time.late").count() == 0
    old, _, _ = opened(file, at="2026-11-08T12:00:00Z")
    assert old.locator("header time.late", has_text="365 days ago").count() == 4
    assert old.locator("header time.late").first.evaluate("time => getComputedStyle(time).color") == "rgb(179, 38, 30)"


def test_without_scripts_a_page_still_has_its_charts_its_tables_and_its_ages(browser, folder):
    context = browser.new_context(java_script_enabled=False)
    shown = context.new_page()
    shown.goto((folder / "report.html").as_uri())
    assert shown.locator(".chart svg").count() == len(list((folder / "charts").iterdir()))
    assert shown.locator("#toolbar").is_hidden()
    assert "days before this page was made" in shown.locator("header").inner_text()
    shown.locator("#flows_daily ~ .foot summary").first.click()
    assert shown.locator("#flows_daily ~ .foot tbody tr").first.is_visible()
    context.close()


def test_a_fund_has_one_colour_in_all_charts(folder):
    text = re.search(r'id="data">(.*?)</script>', (folder / "report.html").read_text(encoding="utf-8"), re.S)[1]
    of_funds = [chart["colors"] for chart in json.loads(text)["charts"].values() if chart["isOfFunds"]]
    assert len(of_funds) >= 5
    assert {colors["IBIT"] for colors in of_funds} == {"fund-1"}
    assert len({(fund, hue) for colors in of_funds for fund, hue in colors.items()}) == len(set().union(*of_funds))


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
