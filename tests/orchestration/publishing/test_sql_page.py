"""The SQL page in a real browser, opened from its file: typed queries answered, and no request to anywhere else."""

import csv
import io
import re
import shutil
import threading
from datetime import date
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import duckdb
import file_server
import polars as pl
import pytest

from ingestion.errors import FetchFailed, UsageError
from orchestration.answers.answers import shown_in
from orchestration.home import Home
from orchestration.publishing import marts, published, sql_engine, sql_page
from orchestration.publishing.copy_build import copy_latest

DESK = ["etf_fund_daily", "etf_market_daily", "etf_fund_weekly", "demand_vs_supply_daily", "etf_revisions"]
CHROMIUM = shutil.which("chromium")
ANSWERED = r"\d rows?, "
START_MILLISECONDS = 30_000
"""On a quiet machine it takes 3 s; tests share theirs."""


@pytest.fixture(scope="module")
def home(sample_home, tmp_path_factory, pytestconfig) -> Home:
    """The sample's home with the engine, which is kept between runs, and the page next to its warehouse."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    kept = Home(pytestconfig.cache.mkdir("browser"))
    try:
        engine = sql_engine.download_engine(kept)
    except (UsageError, FetchFailed) as reason:
        pytest.skip(f"there is no engine here: {reason}")
    home = Home(tmp_path_factory.mktemp("page") / "home")
    shutil.copytree(sample_home / "published", home.published, symlinks=True)
    sql_engine.engine_file(home).parent.mkdir(parents=True)
    shutil.copyfile(engine, sql_engine.engine_file(home))
    sql_engine.add_page(home, published.latest(home))
    return home


@pytest.fixture(scope="module")
def chromium(home):
    """A headless Chromium; the engine's browser needs no rights, so as root it may run without its sandbox."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


class Page:
    """The page as a reader uses it, and what the browser noticed meanwhile."""

    def __init__(self, context):
        self.page = context.new_page()
        self.errors, self.requests = [], []
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        context.on("request", lambda request: self.requests.append(request.url))

    def open(self, file: Path, state: str = ANSWERED) -> "Page":
        self.page.goto(file.as_uri())
        self.page.locator("#state", has_text=re.compile(state)).wait_for(timeout=START_MILLISECONDS)
        return self

    def ask(self, query: str) -> str:
        """Type a query and run it by keyboard; returns the page's message."""
        self.page.fill("#query", query)
        self.page.press("#query", "Control+Enter")
        self.page.locator("#run:not([disabled])").wait_for()
        return self.page.inner_text("#state")

    def cells(self) -> list[list[str]]:
        lines = self.page.locator("#answer tbody tr")
        return lines.evaluate_all("lines => lines.map(line => [...line.cells].map(cell => cell.innerText))")

    def saved(self) -> list[list[str]]:
        """The answer as downloaded: a heading, then rows."""
        return list(csv.reader(io.StringIO(self.downloaded("#save").read_text())))

    def downloaded(self, button: str) -> Path:
        with self.page.expect_download() as download:
            self.page.click(button)
        return Path(download.value.path())

    def tip(self) -> list[str]:
        """The lines of the chart's tip."""
        return self.page.inner_text("#chart .tip").split("\n")


@pytest.fixture(scope="module")
def opened(chromium, home):
    """The sample's page, opened once for all tests that only query."""
    with chromium.new_context() as context:
        yield Page(context).open(published.latest(home) / sql_engine.PAGE)


def test_it_opens_from_its_file_with_an_answer_and_no_outside_request(opened):
    assert opened.errors == []
    assert {url.split(":")[0] for url in opened.requests} == {"file", "blob"}
    assert len([url for url in opened.requests if url.startswith("file")]) == 2
    assert re.match(ANSWERED, opened.page.inner_text("#state"))
    assert "reconstructed" in opened.page.inner_text("#about")


def test_a_typed_query_is_answered(opened):
    query = "select ticker, fee_bps from marts.funds where ticker in ('IBIT', 'GBTC') order by ticker"
    assert opened.ask(query).startswith("2 rows")
    assert opened.cells() == [["GBTC", "150"], ["IBIT", "25"]]
    assert opened.errors == []


def to_twelve_digits(text: str) -> float:
    return float(f"{float(text):.12g}")


@pytest.mark.parametrize("example", shown_in("example"), ids=lambda answer: answer.name)
def test_the_readmes_queries_answer_as_duckdb_does(opened, home, example):
    opened.page.get_by_role("button", name=example.question).click()
    opened.page.locator("#run:not([disabled])").wait_for()
    heading, *rows = opened.saved()
    with duckdb.connect(str(published.warehouse(home)), read_only=True) as con:
        answer = con.sql(example.sql)
        columns = answer.columns
        # 3236.0 of DuckDB is 3236 in JavaScript, and versions of DuckDB differ in the last digit of a correlation
        plain = [to_twelve_digits if kind == "DOUBLE" else str for kind in answer.types]
        expected = answer.project("cast(columns(*) as varchar)").fetchall()

    rows, expected = (
        sorted([[kind(cell or 0) for kind, cell in zip(plain, row, strict=True)] for row in found], key=str)
        for found in (rows, expected)
    )
    assert heading == columns
    assert rows == expected != []


def test_cells_are_exact(opened):
    opened.ask(
        "select -0.05::decimal(18, 8) as small, 12345678901234567890.12::decimal(38, 2) as large,"
        " 9007199254740993 as whole, -7::decimal(4, 0) as scaleless, -1e21::double as float"
    )
    assert opened.cells() == [
        ["-0.05000000", "12,345,678,901,234,567,890.12", "9,007,199,254,740,993", "-7", "-1e+21"],
    ]
    opened.ask(
        "select date '2025-11-04' as day, timestamp '2025-11-04 01:02:03' as moment, null as nothing,"
        " 'a,\"b\"' as text, true as truth"
    )
    assert opened.cells() == [["2025-11-04", "2025-11-04 01:02:03", "null", 'a,"b"', "true"]]
    assert opened.saved()[1] == ["2025-11-04", "2025-11-04 01:02:03", "", 'a,"b"', "true"]


def test_text_is_never_read_as_html(opened):
    opened.ask("select '<img src=x onerror=alert(1)>' as text")
    assert opened.cells() == [["<img src=x onerror=alert(1)>"]]


def test_the_first_thousand_rows_are_shown_and_all_are_counted(opened):
    assert opened.ask("from range(1001)").startswith("1,001 rows, the first 1,000 shown, ")
    assert len(opened.cells()) == 1000
    assert len(opened.saved()) == 1002


@pytest.mark.parametrize(
    ("query", "error"),
    [("selec 1", "syntax error"), ("drop table marts.funds", "read-only"), ("from nowhere", "does not exist")],
)
def test_an_error_is_shown_and_the_next_query_runs(opened, query, error):
    assert opened.ask(query) == "The query does not run."
    assert error in opened.page.inner_text("[role=alert]")
    assert opened.cells() == []
    assert opened.ask("select 1").startswith("1 row,")
    assert opened.page.inner_text("[role=alert]") == ""


TWO_LINES = (
    "select date '2026-01-01' + n::integer as day, name, case when n <> 5 then n * sign end as flow_usd"
    " from range(40) as days(n), (values ('in', 1), ('out', -1)) as names(name, sign) order by day, name"
)


def test_a_time_series_is_drawn_and_each_point_is_told(opened):
    opened.ask(TWO_LINES)
    paths = opened.page.locator("#chart path").evaluate_all("paths => paths.map(path => path.getAttribute('d'))")
    assert [path.count("M") for path in paths] == [2, 2]  # the missing day is a gap
    chart = opened.page.locator("#chart svg").bounding_box()
    told = set()
    for pixel in range(0, int(chart["width"]), 4):
        opened.page.mouse.move(chart["x"] + pixel, chart["y"] + 100)
        told.add(tuple(opened.tip()))
    assert len(told) == 40
    assert ("2026-01-06", "in  no value", "out  no value") in told
    assert ("2026-02-09", "in  39", "out  -39") in told


def test_a_chart_is_read_by_keyboard(opened):
    opened.ask(TWO_LINES)
    opened.page.focus("#chart svg")
    opened.page.keyboard.press("ArrowLeft")
    assert opened.tip()[0] == "2026-02-09"
    opened.page.keyboard.press("ArrowLeft")
    assert opened.tip() == ["2026-02-08", "in  38", "out  -38"]
    opened.page.keyboard.press("Escape")
    assert opened.page.locator("#chart .tip").is_hidden()


def test_a_legend_hides_a_series_and_bars_stand_for_lines(opened):
    opened.ask(TWO_LINES)
    opened.page.get_by_role("button", name="out", exact=True).click()
    assert opened.page.locator("#chart path").count() == 1
    assert opened.page.get_by_role("button", name="out", exact=True).get_attribute("aria-pressed") == "false"
    opened.page.get_by_label("as").select_option("bars")
    assert opened.page.locator("#chart rect").count() == 2 * 39
    opened.page.get_by_label("split by").select_option("nothing")
    assert "40 rows share a place with another and are left out" in opened.page.inner_text("#chart")


def test_columns_of_one_unit_are_drawn_together(opened):
    opened.ask(
        "select date '2026-01-01' + n::integer as day, n as a_usd, 2 * n as b_usd, n / 7 as c_pct from range(9) t(n)"
    )
    assert opened.page.locator("#chart path").count() == 2
    opened.page.get_by_label("Value").select_option("c_pct")
    assert opened.page.locator("#chart path").count() == 1


def test_names_are_drawn_as_bars_and_one_row_as_nothing(opened):
    opened.ask("select * from (values ('a', 3.5), ('b', -2.0), ('c', null)) as t(name, flow)")
    assert opened.page.locator("#chart rect").count() == 2
    assert opened.page.locator("#chart svg").get_attribute("aria-label").startswith("bars of flow: a 3.5, b -2,")
    opened.ask("select 'a' as name, 1 as flow")
    assert opened.page.locator("#chart").inner_html() == ""


def test_one_row_per_name_is_drawn_by_name_though_it_has_a_date(opened):
    opened.ask(
        "select date '2026-01-01' + n::integer // 2 as as_of, 'fund ' || n as name, n as usd from range(5) as t(n)"
    )
    assert opened.page.locator("#chart svg").get_attribute("aria-label").startswith("bars of usd: fund 0 0, fund 1 1,")
    opened.page.locator("#chart select").nth(1).select_option(label="as_of")
    assert opened.page.locator("#chart svg").get_attribute("aria-label").startswith("lines of usd from 2026-01-01")


def test_names_in_a_chart_are_never_read_as_html(opened):
    opened.ask("select '<img src=x onerror=alert(1)>' || n as name, n as flow from range(3) as t(n)")
    assert opened.page.locator("#chart img").count() == 0
    assert opened.page.locator("#chart text").first.text_content().startswith("<img src=x")


def test_a_running_query_is_cancelled_and_the_next_one_runs(opened):
    opened.page.fill("#query", "select sum(a.range * b.range % 7) from range(1000000) a, range(1000000) b")
    opened.page.click("#run")
    opened.page.locator("#cancel:not([disabled])").click()
    opened.page.locator("#state", has_text="Cancelled.").wait_for()
    assert opened.page.inner_text("[role=alert]") == ""
    assert opened.page.locator("#cancel").is_disabled()
    assert opened.ask("select 1").startswith("1 row,")


def test_an_answer_without_rows_has_its_heading(opened):
    assert opened.ask("select 1 as n, 'x' as name where false").startswith("0 rows, ")
    assert opened.page.locator("#answer th").all_inner_texts() == ["n", "name"]


def test_arrow_has_the_types_that_csv_loses(opened):
    opened.ask("select 12345678901234567890.12::decimal(38, 2) as large, date '2025-11-04' as day, null::bigint as n")
    frame = pl.read_ipc(opened.downloaded("#arrow"))
    assert frame.rows() == [(Decimal("12345678901234567890.12"), date(2025, 11, 4), None)]
    assert frame.schema["large"] == pl.Decimal(38, 2)


def test_the_address_holds_the_query_so_that_it_can_be_shared(chromium, opened, home):
    query = "select 'a&b=c#d +%' as text, '1\n2' as lines"
    opened.ask(query)
    with chromium.new_context() as context:
        page = Page(context)
        page.page.goto(opened.page.url)
        page.page.locator("#state", has_text="1 row,").wait_for(timeout=START_MILLISECONDS)
        assert page.page.input_value("#query") == query
        assert page.cells() == [["a&b=c#d +%", "1\n2"]]
        page.page.evaluate("location.hash = '#sql=select+7+as+n'")
        page.page.locator("#answer td", has_text="7").wait_for()
        page.page.evaluate("location.hash = '#sql=%E0%A4%A'")  # no text in UTF-8
        assert page.ask("select 8 as n").startswith("1 row,")
        assert page.errors == []


def test_queries_are_kept_in_the_browser_until_they_are_forgotten(chromium, home):
    with chromium.new_context() as context:
        page = Page(context).open(published.latest(home) / sql_engine.PAGE)
        for query in ("select 1 as n", "select 2 as n", "select 1 as n"):
            page.ask(query)
        page.ask("selec")
        page.page.reload()
        page.page.locator("#history summary").click()
        kept = page.page.locator("#remembered button")
        assert kept.all_inner_texts()[:2] == ["select 1 as n", "select 2 as n"]
        page.page.locator("#state", has_text="1 row,").wait_for(timeout=START_MILLISECONDS)
        kept.nth(1).click()
        page.page.locator("#answer td", has_text="2").wait_for()
        page.page.click("#forget")
        assert page.page.locator("#history").is_hidden()
        assert page.page.evaluate("localStorage.length") == 0
        assert page.errors == []


def test_a_browser_that_keeps_nothing_answers_all_the_same(chromium, home):
    with chromium.new_context() as context:
        context.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new Error('no'); }})")
        page = Page(context).open(published.latest(home) / sql_engine.PAGE)
        assert page.ask("select 1").startswith("1 row,")
        assert page.errors == []


def test_names_of_marts_and_of_their_columns_are_completed(opened):
    opened.page.fill("#query", "")
    opened.page.type("#query", "select max(fee_b) from marts.fun")
    offers = opened.page.locator("#offer li")
    assert "funds" in offers.all_inner_texts()
    opened.page.press("#query", "Alt+ArrowDown")
    while offers.locator("xpath=self::*[@aria-selected='true']").inner_text() != "funds":
        opened.page.press("#query", "ArrowDown")
    opened.page.press("#query", "Enter")
    assert opened.page.input_value("#query") == "select max(fee_b) from marts.funds"
    opened.page.evaluate("document.getElementById('query').setSelectionRange(16, 16)")
    opened.page.press("#query", "b")
    opened.page.press("#query", "Backspace")
    assert offers.all_inner_texts() == ["fee_bps"]  # of the mart that the query names
    opened.page.press("#query", "Tab")
    assert opened.page.input_value("#query") == "select max(fee_bps) from marts.funds"
    opened.page.press("#query", "Control+Enter")
    opened.page.locator("#state", has_text="1 row,").wait_for()


def test_escape_closes_the_offers_so_that_tab_leaves_the_query(opened):
    opened.page.fill("#query", "")
    opened.page.type("#query", "from etf_fl")
    assert opened.page.locator("#offer li").count() > 1
    opened.page.press("#query", "Escape")
    assert opened.page.locator("#offer li").count() == 0
    opened.page.press("#query", "Tab")
    assert opened.page.evaluate("document.activeElement.id") == "run"
    assert opened.page.input_value("#query") == "from etf_fl"


def test_marts_are_grouped_by_question_those_of_the_desk_first(opened, home):
    groups = opened.page.locator("#marts h3").all_inner_texts()
    assert groups[0] == "Who bought, who sold, and what do they hold?"
    assert "Other marts" not in groups  # a new mart belongs to a question
    names = opened.page.locator("#marts summary code").all_inner_texts()
    desk = [name for name in DESK if name in published.manifest(home)["marts"]]
    assert names[: len(desk)] == desk
    files = opened.page.locator("#marts a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert all((published.latest(home) / file).exists() for file in files)
    assert len(files) == len(names)


def test_every_mart_is_listed_with_its_columns_described(opened, home):
    listed = opened.page.locator("#marts details")
    assert listed.count() == len(published.manifest(home)["marts"])
    mart = listed.filter(has=opened.page.locator("summary code", has_text=re.compile("^etf_flows_daily$")))
    mart.locator("summary").click()
    assert "One row per" in mart.locator("p").inner_text()
    assert mart.locator("dt").count() == mart.locator("dd").count() > 5
    assert all(mart.locator("dd").all_inner_texts())


def test_a_query_reaches_nothing_outside(opened):
    """Not even what a reader types leaves the page: a server on this machine gets no request."""
    heard = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            heard.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        opened.ask(f"from read_csv('http://127.0.0.1:{server.server_port}/secret.csv')")
        server.shutdown()
    assert opened.page.inner_text("#state") == "The query does not run."
    assert heard == []


def test_reading_parquet_says_that_its_reader_is_not_here(opened):
    before = len(opened.requests)
    opened.ask("from 'parquet/funds.parquet'")
    assert opened.page.inner_text("#state") == "The query does not run."
    assert opened.requests[before:] == []


@pytest.fixture
def copied(home, tmp_path):
    """A copy of the published build on a static file server."""
    copy_latest(home, tmp_path / "web", 7)
    with file_server.serve(tmp_path / "web") as server:
        yield server


def test_a_copy_on_a_web_server_answers_there(chromium, copied):
    with chromium.new_context() as context:
        page = Page(context)
        page.page.goto(f"{copied.address}/latest/{sql_engine.PAGE}")
        page.page.locator("#state", has_text=re.compile(ANSWERED)).wait_for(timeout=START_MILLISECONDS)
        assert {path for path, _ in copied.sent} == {"/latest/sql.html", "/latest/duckdb-wasm.js"}
        assert page.errors == []


def test_a_copy_on_a_web_server_is_attached_by_duckdb_wasm(chromium, home, copied):
    """Which reads addresses itself, this version whole; a page without the policy of ours stands for another's."""
    query = "select count(*)::varchar as n, sum(net_flow_usd)::bigint::varchar as usd from {}marts.etf_flows_daily"
    with duckdb.connect(str(published.warehouse(home)), read_only=True) as con:
        (expected,) = con.sql(query.format("")).fetchall()
    with chromium.new_context(bypass_csp=True) as context:
        page = Page(context)
        page.page.goto(f"{copied.address}/latest/{sql_engine.PAGE}")
        page.page.locator("#state", has_text=re.compile(ANSWERED)).wait_for(timeout=START_MILLISECONDS)
        page.ask(f"attach '{copied.address}/latest/warehouse.duckdb' as elsewhere (read_only)")
        page.ask(query.format("elsewhere."))
        assert page.cells() == [list(expected)]


def test_a_large_warehouse_is_opened_by_choosing_its_file(chromium, home, tmp_path, monkeypatch):
    monkeypatch.setattr(sql_page, "MAX_EMBEDDED_BYTES", 0)
    folder = shutil.copytree(published.latest(home), tmp_path / "large")
    sql_engine.add_page(home, folder)
    with chromium.new_context() as context:
        page = Page(context).open(folder / sql_engine.PAGE, "too large")
        page.page.set_input_files("#file", folder / published.WAREHOUSE)
        page.page.locator("#state", has_text=re.compile(ANSWERED)).wait_for(timeout=START_MILLISECONDS)
        assert page.ask("select count(*) as n from marts.funds where ticker = 'IBIT'").startswith("1 row,")
        assert page.cells() == [["1"]]
        assert page.errors == []


def test_another_warehouse_takes_the_place_of_the_first(chromium, home, tmp_path):
    with duckdb.connect() as con:
        con.execute(f"attach '{tmp_path / 'other.duckdb'}' as other (storage_version '{marts.STORAGE_VERSION}')")
        con.execute("create schema other.marts; create table other.marts.etf_market_flows_weekly as select 7 as n")
    with chromium.new_context() as context:
        page = Page(context).open(published.latest(home) / sql_engine.PAGE)
        (tmp_path / "notes.txt").write_text("no warehouse" * 1000)
        page.page.set_input_files("#file", tmp_path / "notes.txt")
        page.page.locator("#state", has_text="no warehouse").wait_for()
        page.page.set_input_files("#file", [])
        for _ in range(2):
            page.page.set_input_files("#file", tmp_path / "other.duckdb")
            page.page.locator("#marts details").nth(1).wait_for(state="detached")
            assert page.ask("from marts.etf_market_flows_weekly").startswith("1 row,")
            assert page.cells() == [["7"]]
        assert page.errors == []


def test_a_page_without_its_engine_says_so(chromium, home, tmp_path):
    alone = shutil.copy(published.latest(home) / sql_engine.PAGE, tmp_path)
    with chromium.new_context() as context:
        page = Page(context).open(Path(alone), "did not start")
        assert "duckdb-wasm.js is missing" in page.page.inner_text("[role=alert]")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(chromium, home, scheme):
    with chromium.new_context(viewport={"width": 375, "height": 800}, color_scheme=scheme) as context:
        page = Page(context).open(published.latest(home) / sql_engine.PAGE)
        assert page.page.evaluate("() => document.documentElement.scrollWidth") == 375
        dark = page.page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 29)"
        assert dark == (scheme == "dark")
