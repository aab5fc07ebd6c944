"""The stress view: its lines over one window, the crashes to choose from, and the sentences beside each line."""

import html
import json
import re
from dataclasses import replace
from datetime import datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from ingestion import registry
from orchestration.answers.answers import answers, shown_in
from orchestration.publishing.report import formatting, rendering, stress
from orchestration.publishing.report.page import render
from orchestration.publishing.report.results import ask

MANIFEST = {
    "build_id": "20260105T060000Z-made",
    "built_at": "2026-01-05T06:00:00Z",
    "as_of": None,
    "is_sample": False,
    "failed_sources": [],
    "findings": [],
    "versions": {"flowhouse": "0"},
}
OCTOBER, NOVEMBER = "10\N{EN DASH}11 Oct 2025", "3\N{EN DASH}5 Nov 2025"
LINES = [answer.name for answer in shown_in("stress")]
DAYS = "from range(70) as days(n)"
MARTS = {
    "market_prices_daily": (
        "select asset, 'bitstamp' as venue, date '2025-09-01' + cast(n as integer) as price_date, 1e5 as open_usd, 11e4"
        " as high_usd, 9e4 as low_usd, 1e5 as close_usd, 1 as volume_native from range(100) as days(n),"
        " (values ('BTC'), ('ETH')) as assets(asset)"
    ),
    "market_bars_hourly": (
        "select 'BTC' as asset, 'binance' as venue, kind as instrument_kind, 'USDT' as quote_asset, timestamp"
        " '2025-10-01' + n * interval 1 hour as open_at, 1e5 as open_usd, 101000.0 as high_usd, 99000.0 as low_usd,"
        " 100500.0 + n as close_usd, 1 as volume_native, 1.0 as volume_quote, 1 as trades, true as is_complete"
        " from range(1200) as hours(n), (values ('spot'), ('perpetual'), ('mark')) as kinds(kind)"
    ),
    "market_price_extremes_daily": (
        "select 'USDE' as asset, 'binance' as venue, quote as quote_asset, date '2025-09-05' + cast(n as integer) as"
        " price_date, 0.65 as low_usd, timestamp '2025-09-05 21:50' + n * interval 1 day as low_at, 1.0 as high_usd,"
        f" timestamp '2025-09-05' as high_at, 9 as minutes_below_peg {DAYS}, (values ('USDT'), ('USDC')) as q(quote)"
    ),
    "macro_events": (
        "select 'market_crash' as kind, first as start_date, last as end_date, 'A crash' as title from (values (date"
        " '2025-10-10', date '2025-10-11'), (date '2025-11-03', date '2025-11-05')) as crashes(first, last)"
    ),
    "market_depth_hourly": (
        "select 'BTC' as asset, 'binance' as venue, timestamp '2025-10-05' + n * interval 1 hour as open_at, band as"
        " band_pct, side, 800e6 as median_notional_usd, if(n = 141, 2e6, 400e6) as min_notional_usd from range(240) as"
        " hours(n), (values ('bid'), ('ask'), ('both')) as sides(side), (values (1.0), (4.0)) as bands(band)"
    ),
    "market_depth_daily": (
        "select 'BTC' as asset, 'binance' as venue, date '2025-09-05' + cast(n as integer) as value_date, band as"
        " band_pct, side, 800e6 as median_notional_usd, 300e6 as min_notional_usd, n = 33 as is_frozen from range(40)"
        " as days(n), (values ('bid'), ('ask'), ('both')) as sides(side), (values (1.0), (4.0)) as bands(band)"
    ),
    "derivatives_open_interest_hourly": (
        "select 'BTC' as asset, venue, contract, timestamp '2025-09-05 01:00' + n * interval 1 hour as snapshot_at,"
        " timestamp '2025-09-05' + n * interval 1 hour as open_at, 5e4 as open_interest_native, 5e9 as"
        " open_interest_usd from range(1680) as hours(n), (values ('binance', 'a'), ('binance', 'b'), ('bybit', 'a'))"
        " as contracts(venue, contract)"
    ),
    "derivatives_open_interest_daily": (
        "select 'BTC' as asset, venue, contract, date '2025-09-05' + cast(n as integer) as value_date, timestamp"
        " '2025-09-05 23:59:58' + n * interval 1 day as last_snapshot_at, 6e4 as open_interest_native, 6e9 as"
        f" open_interest_usd {DAYS}, (values ('binance', 'a'), ('binance', 'b'), ('bybit', 'a')) as c(venue, contract)"
    ),
    "derivatives_funding_daily": (
        "select 'BTC' as asset, 'binance' as venue, 'BTCUSDT' as contract, date '2025-09-05' + cast(n as integer) as"
        f" value_date, kind, 0.0003 as sum_rate, true as is_complete {DAYS}, (values ('settled'), ('indicative')) as"
        " kinds(kind)"
    ),
    "derivatives_liquidations_daily": (
        "select 'BTC' as asset, 'bybit' as venue, date '2025-09-05' + cast(n as integer) as value_date, side,"
        f" 'all_fills' as coverage, 5e6 as notional_usd, n = 60 as is_lower_bound {DAYS}, (values ('long'), ('short'))"
        " as sides(side)"
    ),
    "onchain_lth_flows_daily": (
        "select 'BTC' as asset, 'main' as network, 'derived' as series, 'age_155d_step' as definition_id, date"
        f" '2025-09-05' + cast(n as integer) as value_date, -20000.0 as net_change_native,"
        f" 0.0 as matured_native, 2e4 as spent_native, 1e9 as spent_usd, true as is_final {DAYS}"
    ),
    "etf_market_daily": (
        "select 'BTC' as asset, date '2025-09-05' + cast(n as integer) as trade_date, (n - 60) * 1e6 as net_flow_usd,"
        f" 1.0 as net_flow_native, 1 as funds_reported, 1 as funds_expected, 1 as funds_valued, true as is_complete,"
        f" 1e9 as cumulative_flow_usd, 1 as flow_streak_sessions, 1.0 as held_native, 1e9 as net_assets_usd,"
        f" 4.2 as supply_share_pct, 'node' as supply_method {DAYS}"
    ),
    "claims": (
        "select claim as claim_id, 'B' as article, quote, subject, verdict, value as observed_value, 'US$' as unit,"
        " 'no venue publishes it' as reason, 1 as rows_used, 1 as rows_expected, 'computed' as evidence, null::date as"
        " as_of from (values ('B02', 'BTC briefly below 99,000', 'BTC', 'depends_on_definition', 98944.4),"
        " ('B05', 'ETH below 3,100', 'ETH', 'supported', 3057.0), ('B12', 'An <all-time> high', 'BTC perpetuals',"
        " 'contradicted', 96e9), ('B07', 'Over 470,000 investors liquidated', 'market', 'no_public_data', null))"
        " as c(claim, quote, subject, verdict, value)"
    ),
    "claim_checks": (
        "select claim as claim_id, \"check\" as check_id, convention, verdict, verdict as"
        " expected_verdict, value as observed_value from (values"
        " ('B02', 'utc', 'days in UTC', 'supported', 98944.4), ('B02', 'utc8', 'days in UTC+8', 'contradicted',"
        " 99500.0),"
        " ('B05', 'utc', 'days in UTC', 'supported', 3057.0)) as c(claim, \"check\", convention, verdict, value)"
    ),
}  # fmt: skip
"""Each mart with the columns that the view reads, around both crashes."""


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory) -> Path:
    """A warehouse of those marts, and without the others."""
    file = tmp_path_factory.mktemp("stress") / "warehouse.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute("create schema marts")
        for mart, rows in MARTS.items():
            con.execute(f"create table marts.{mart} as {rows}")
    return file


@pytest.fixture(scope="module")
def file(warehouse) -> Path:
    """The page of that warehouse."""
    page = warehouse.with_name("report.html")
    page.write_text(render(warehouse, MANIFEST).html, encoding="utf-8")
    return page


def data(file: Path) -> dict:
    """What a page's script reads."""
    return json.loads(re.search(r'id="data">(.*?)</script>', file.read_text(encoding="utf-8"), re.S)[1])


def line(text: str, name: str) -> str:
    """The words of a line and of the sentences beside it."""
    found = re.search(rf'<section class="card line" aria-labelledby="{name}">(.*?)</section>', text, re.S)[1]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", found)).split())


def rows(warehouse: Path, name: str) -> list[dict]:
    with duckdb.connect(str(warehouse), read_only=True) as con:
        return ask(con, answers()[name]).records


# What the lines say


def test_the_price_has_the_hours_of_one_instrument_around_a_crash_and_days_elsewhere(warehouse):
    found = {row["until"]: row["instrument"] for row in rows(warehouse, "stress_price") if row["asset"] == "BTC"}
    assert len(found) == len([row for row in rows(warehouse, "stress_price") if row["asset"] == "BTC"])
    assert found["2025-10-06T00:00:00"] == found["2025-10-17T00:00:00"] == "bitstamp, days"
    assert found["2025-10-06T01:00:00"] == found["2025-10-16T00:00:00"] == "binance, spot in USDT, hours"
    assert [*found][:: len(found) - 1] == ["2025-09-02T00:00:00", "2025-12-10T00:00:00"]


def test_every_hour_of_each_crash_window_is_drawn(warehouse):
    hours = {row["until"] for row in rows(warehouse, "stress_price") if row["instrument"].endswith("hours")}
    with duckdb.connect(str(warehouse), read_only=True) as con:
        crashes = stress.crashes(ask(con, answers()["stress_windows"]))
    wanted = {
        (datetime.combine(crash.first_day - stress.AROUND, time()) + timedelta(hours=hour)).isoformat()
        for crash in crashes
        for hour in range(1, 24 * ((crash.last_day - crash.first_day + 2 * stress.AROUND).days + 1) + 1)
    }
    assert hours == wanted
    assert [crash.name for crash in crashes] == [OCTOBER, NOVEMBER]


def test_open_interest_has_hours_around_a_crash_and_days_elsewhere_by_contract(warehouse):
    found = rows(warehouse, "stress_open_interest")
    assert {row["contract"] for row in found} == {"binance a", "binance b", "bybit a"}
    assert {row["at"][:10] for row in found if row["US$ m"] == 6000}.isdisjoint(
        row["at"][:10] for row in found if row["US$ m"] == 5000
    )
    assert {"2025-10-10T21:00:00", "2025-10-21T23:59:58"} < {row["at"] for row in found}


def test_settled_and_indicative_funding_are_two_series(warehouse):
    assert {row["contract"] for row in rows(warehouse, "stress_funding")} == {
        "binance BTCUSDT",
        "binance BTCUSDT, indicative",
    }


def test_the_book_is_that_within_four_percent_and_a_frozen_day_is_marked(warehouse):
    found = rows(warehouse, "stress_depth")
    lowest = {row["side"]: row["US$ m"] for row in found if row["from"] == "2025-10-10T21:00:00"}
    assert lowest == {
        "binance, both sides, median": 800,
        **dict.fromkeys(("binance, both sides, minimum", "binance, bids, minimum", "binance, asks, minimum"), 2),
    }
    assert {row["from"][:10] for row in found if not row["is complete"]} == {"2025-10-08"}
    assert len({(row["side"], row["from"]) for row in found}) == len(found)


def test_a_stablecoin_is_drawn_at_the_minute_of_its_lowest_price(file):
    """Where no hours are stored."""
    series = data(file)["charts"]["stress_stablecoins"]["choices"][""]
    assert series["x"][0] == 1757109000000  # 2025-09-05 21:50 UTC
    assert set(series["values"]) == {"binance USDE/USDC", "binance USDE/USDT"}


def test_a_line_is_not_broken_where_another_series_has_a_moment_of_its_own(file):
    specification = data(file)["charts"]["stress_open_interest"]["spec"]
    made = [{"x": at * 3_600_000, "series": name, "value": value} for name, at, value in
            (("binance a", 0, 1), ("binance a", 1, None), ("binance a", 2, 3), ("bybit a", 1, 2))]  # fmt: skip
    params = [{"name": "since", "value": 0}, {"name": "until", "value": 7_200_000}]
    drawing = rendering.svg(specification | {"params": params}, made)
    [path] = [
        path for path in re.findall(r'aria-roledescription="line mark"|d="(M[^"]*)" stroke', drawing) if "L" in path
    ]
    assert path.count("M") == 1


def test_a_lower_bound_is_marked_as_one(file):
    chart = data(file)["charts"]["stress_liquidations"]
    choice = chart["choices"]["BTC"]
    assert chart["faint"] == "a lower bound"
    assert choice["faint"].keys() == {"bybit long (all fills)", "bybit short (all fills)"}
    assert {choice["x"][at] for places in choice["faint"].values() for at in places} == {1762214400000}  # 2025-11-04
    drawing = re.search(r'data-chart="stress_liquidations".*?</svg>', file.read_text(encoding="utf-8"), re.S)[0]
    assert drawing.count('stroke-dasharray="3,2"') == drawing.count('fill-opacity="0.25"') == 2


def test_assets_whose_price_is_not_stored_are_left_out(warehouse):
    with duckdb.connect(str(warehouse), read_only=True) as con:
        crashes = stress.crashes(ask(con, answers()["stress_windows"]))
        lines = {one.name: ask(con, one) for one in shown_in("stress")}
    liquidations = lines["stress_liquidations"]
    others = tuple((asset, *row[1:]) for row in liquidations.rows for asset in ("BTC", "FARTCOIN"))
    lines["stress_liquidations"] = replace(liquidations, rows=others)
    assert [*stress.panels([*lines.values()], crashes, {})["stress_liquidations"].choices] == ["BTC"]
    del lines["stress_price"]
    assert [*stress.panels([*lines.values()], crashes, {})["stress_liquidations"].choices] == ["BTC", "FARTCOIN"]


def test_the_page_holds_figures_from_shortly_before_the_first_crash_on(warehouse, tmp_path):
    with duckdb.connect(str(warehouse), read_only=True) as con:
        crashes = stress.crashes(ask(con, answers()["stress_windows"]))
        [flows] = [ask(con, one) for one in shown_in("stress") if one.name == "stress_fund_flows"]
    early = stress._from(flows, "session", crashes[0].first_day)
    assert {row[1].isoformat() for row in flows.rows} - {row[1].isoformat() for row in early.rows} == {
        f"2025-{month:02}-{day:02}" for month, first, last in ((9, 5, 30), (10, 1, 9)) for day in range(first, last + 1)
    }


def test_a_line_without_rows_says_what_would_fill_it(tmp_path):
    empty = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(empty)) as con:
        con.execute("create schema marts")
        for mart, query in MARTS.items():
            con.execute(f"create table marts.{mart} as select * from ({query}) where $1", [mart == "macro_events"])
    report = render(empty, MANIFEST)
    for name in LINES:
        assert answers()[name].empty in line(report.html, name)
        assert f'data-chart="{name}"' not in report.html
    assert report.charts == {}


def test_what_would_fill_a_line_is_named_as_sources_are():
    named = re.findall(r"`(\w+_\w+)`", " ".join(answers()[name].empty for name in LINES))
    assert set(named) <= set(registry.names())
    assert len(set(named)) > 10


def test_a_warehouse_of_an_older_version_says_which_mart_it_lacks(tmp_path):
    older = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(older)) as con:
        con.execute("create schema marts")
        con.execute(f"create table marts.etf_market_daily as {MARTS['etf_market_daily']}")
    text = render(older, MANIFEST).html
    assert "This warehouse has no marts.market_depth_hourly." in line(text, "stress_depth")
    assert "This warehouse has no marts.macro_events." in line(text, "stress_fund_flows")


# The sentences


def test_sentences_stand_beside_the_line_that_decides_them_with_their_checks(file):
    text = file.read_text(encoding="utf-8")
    assert "contradicted An <all-time> high B12; observed 96,000,000,000 US$" in line(text, "stress_open_interest")
    price = line(text, "stress_price")
    assert "depends on definition BTC briefly below 99,000 B02; observed 98,944 US$ 2 ways to check" in price
    assert "days in UTC: 98,944 US$, supported days in UTC+8: 99,500 US$, contradicted" in price
    assert "no public data Over 470,000 investors liquidated B07; no venue publishes it" in line(
        text, "stress_liquidations"
    )
    assert "high" not in line(text, "stress_funding")


def test_each_sentence_of_the_view_is_one_of_the_ledger():
    ledger = Path(__file__).parents[3] / "dbt_project" / "seeds" / "facts_claims.csv"
    known = {row.partition(",")[0] for row in ledger.read_text(encoding="utf-8").splitlines()}
    placed = re.findall(r"\('(stress_\w+)', '(\w+)'\)", answers()["stress_claims"].sql)
    assert {name for name, _ in placed} <= set(LINES)
    assert {claim for _, claim in placed} <= known
    assert len(placed) == len(set(placed)) > 40


@pytest.mark.parametrize(
    ("value", "text"), [(0.0000123, "0.000012"), (-0.005, "\N{MINUS SIGN}0.0050"), (0.01, "0.01"), (0.0, "0.00")]
)
def test_a_small_rate_is_not_rounded_to_nothing(value, text):
    assert formatting.amount(value) == text


# In a browser


READY = "name => document.querySelector(`[data-chart=${name}]`).classList.contains('live')"


def live(shown, name: str):
    chart = shown.locator(f"[data-chart={name}]")
    chart.scroll_into_view_if_needed()
    shown.wait_for_function(READY, arg=name)
    return chart


def drawn_days(shown, name: str) -> list[str]:
    """The first column of what a line shows, oldest first."""
    table = "name => panels.find(panel => panel.name === name).table().slice(1).map(row => row[0])"
    return shown.evaluate(table, name)


def test_all_lines_share_one_axis_of_time_and_ask_for_nothing(opened, file):
    shown, asked, complaints = opened(file)
    for name in LINES:
        if name != "stress_depth":
            live(shown, name)
    ends = (
        "panels.filter(p => p.result && p.chart.isStress).map(p => [p.plot.left, ...p.plot.scale.domain().map(Number)])"
    )
    axes = shown.evaluate(ends)
    assert len(axes) == len(LINES) - 1
    assert {tuple(axis) for axis in axes} == {(axes[0][0], *data(file)["crashes"][-1]["window"])}
    assert (asked, complaints) == ([file.as_uri()], [])
    assert (
        "Nothing in this range: stored are 5 Sep 2025 to 14 Oct 2025."
        in shown.locator("[data-chart=stress_depth]").inner_text()
    )


def test_a_crash_and_a_window_are_chosen_for_all_lines(opened, file):
    shown, _, complaints = opened(file)
    live(shown, "stress_funding")
    assert (drawn_days(shown, "stress_funding")[0], shown.get_by_label("from", exact=True).input_value()) == (
        "2025-10-30",
    ) * 2
    shown.get_by_label(OCTOBER).check()
    live(shown, "stress_depth")
    assert (
        drawn_days(shown, "stress_funding")[0] == shown.get_by_label("from", exact=True).input_value() == "2025-10-06"
    )
    assert drawn_days(shown, "stress_price")[0] == "2025-10-06T00:00Z"
    shown.get_by_label("from", exact=True).fill("2025-10-09")
    shown.get_by_label("to", exact=True).fill("2025-10-11")
    assert [drawn_days(shown, "stress_holders")[at] for at in (0, 2)] == ["2025-10-09", "2025-10-11"]
    assert shown.locator("#stress-window input:checked").count() == 0
    shown.locator("#stress-window").get_by_label("All").check()
    assert drawn_days(shown, "stress_holders")[0] == "2025-09-05"
    assert complaints == []


def test_the_keyboard_zooms_all_lines_and_reads_the_same_moment_in_all(opened, file):
    shown, _, _ = opened(file)
    before = drawn_days(shown, "stress_funding")
    other = live(shown, "stress_open_interest")
    chart = live(shown, "stress_price")
    chart.focus()
    shown.keyboard.press("End")
    assert "9 Nov 2025, 23:00 UTC\nclose: 101,458 US$" in shown.locator("#tip").text_content()
    assert other.locator(".cursor").is_visible()
    shown_as = shown.evaluate("[0.6567, 0.031234, -0.5, 12.345, 0].map(number)")
    assert shown_as == ["0.6567", "0.03123", "\N{MINUS SIGN}0.5", "12.35", "0"]
    shown.keyboard.press("Escape")
    assert other.locator(".cursor").is_hidden()
    chart.focus()
    for key in ("Home", *["PageDown"] * 6, "+"):
        shown.keyboard.press(key)
    zoomed = drawn_days(shown, "stress_funding")
    assert set(zoomed) < set(before)
    assert drawn_days(shown, "stress_holders") == zoomed


def test_another_asset_has_its_own_sentences_and_says_what_would_fill_its_lines(opened, file):
    shown, _, _ = opened(file)
    live(shown, "stress_open_interest")
    sentences = shown.locator(".line:has(#stress_price) .sentences")
    assert "BTC briefly below 99,000" in sentences.inner_text()
    shown.get_by_label("ETH", exact=True).check()
    assert "ETH below 3,100" in sentences.inner_text()
    assert "BTC briefly" not in sentences.inner_text()
    said = shown.locator("[data-chart=stress_open_interest]")
    assert said.inner_text() == f"Nothing is stored for ETH. {answers()['stress_open_interest'].empty}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_has_headings_in_order(opened, file, scheme):
    shown, _, complaints = opened(file, 375, scheme)
    live(shown, "stress_liquidations")
    assert shown.evaluate("document.documentElement.scrollWidth") == 375
    inside = """[...document.querySelectorAll('.line .live svg')].every(svg =>
      svg.getBoundingClientRect().right <= svg.closest('.line').getBoundingClientRect().right)"""
    assert shown.evaluate(inside)
    levels = shown.eval_on_selector_all("h1, h2, h3", "all => all.map(h => Number(h.tagName[1]))")
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert complaints == []


def test_without_scripts_each_line_is_a_still_picture(browser, file):
    context = browser.new_context(java_script_enabled=False)
    shown = context.new_page()
    shown.goto(file.as_uri())
    assert shown.locator(".line .chart svg").count() == len(LINES) - 1
    assert shown.locator("#stress-window").is_hidden()
    assert f"Nothing is stored for {NOVEMBER}." in shown.locator(".line:has(#stress_depth)").inner_text()
    context.close()
