"""`flowhouse build`: its output, what it publishes, its exit codes."""

import json
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from flow_pages import FIRST, FUNDS, flows, put_page
from lake_changes import alter_row

from ingestion.errors import FetchFailed
from ingestion.sample.pages import flow_page, pages
from ingestion.transport.publisher import Http
from orchestration import dbt, graph
from orchestration.home import DBT_PROJECT, Home
from orchestration.publishing import published


@pytest.fixture(scope="module")
def first_build(flowhouse, tmp_path_factory) -> Path:
    """A home built from the page that the folder to replay has too."""
    home = tmp_path_factory.mktemp("first") / "home"
    put_page(home / "archive", FIRST, flow_page(FUNDS, [flows(date(2025, 10, 3)), flows(date(2025, 10, 6))]))
    assert flowhouse("build", "--home", home).exit_code == 0
    return home


@pytest.fixture
def home(first_build, tmp_path) -> Path:
    """A copy of it, of one test alone."""
    return shutil.copytree(first_build, tmp_path / "home", symlinks=True)


def test_the_sample_answers_the_question(sample_home, flowhouse, rows):
    folder = published.latest(Home(sample_home))
    market = "select net_flow_usd from marts.etf_market_flows_weekly where week_start_date = '2025-10-27'"
    assert rows(folder, f"{market} and asset = 'BTC' and source = 'farside' and is_complete") == [(-799_000_000,)]
    weeks = {
        (str(week), convention): float(coins)
        for week, convention, coins in rows(
            folder,
            "select week_start_date, dating_convention, net_flow_native from marts.etf_flows_weekly"
            " where ticker = 'IBIT' and source = 'issuer' and is_complete",
        )
    }
    assert weeks["2025-10-13", "trade_date"] == pytest.approx(-2_634, rel=0.005)
    assert weeks["2025-10-13", "as_of_date"] == pytest.approx(522, rel=0.005)
    assert weeks["2025-10-20", "trade_date"] == pytest.approx(2_929, rel=0.005)
    assert weeks["2025-10-20", "as_of_date"] == pytest.approx(113, rel=0.005)


def test_every_mart_of_the_sample_is_published_with_its_columns_described(sample_home, rows):
    folder = published.latest(Home(sample_home))
    names = {path.stem for path in (DBT_PROJECT / "models" / "marts").rglob("*.sql")}
    assert {path.stem for path in (folder / "parquet").iterdir()} == names
    undescribed = "select table_name, column_name from duckdb_columns() where schema_name = 'marts' and comment is null"
    assert rows(folder, undescribed) == []


@pytest.mark.parametrize("options", [(), ("--sample",)])
def test_a_build_with_nothing_new_says_so_and_publishes_nothing(copied, flowhouse, options):
    before = published.latest(Home(copied))
    result = flowhouse("build", *options, "--home", copied)
    assert result.exit_code == 0
    assert "Nothing new" in result.output
    assert "IBIT, last complete weeks" in result.output
    assert result.output.count("run `flowhouse install-sql-page` once") == 1
    assert published.latest(Home(copied)) == before


def test_a_live_build_whose_publishers_refuse_keeps_its_rows_and_exits_3(home, flowhouse, monkeypatch):
    def refuse(http, url):
        raise FetchFailed("example.org answered 403: come back later.")

    monkeypatch.setattr(Http, "get", refuse)
    result = flowhouse("build", "--live", "--home", home)
    assert result.exit_code == 3
    assert "failed: farside/btc: example.org answered 403" in result.output
    assert "Nothing new" in result.output
    said = flowhouse("status", "--home", home)
    assert said.exit_code == 1
    assert "failed" in said.output


def test_a_bad_page_fails_its_source_and_the_rest_is_published(home, replay, flowhouse, rows):
    reported = "select trade_date, ticker, net_flow_usd from marts.etf_flows_daily where is_reported order by all"
    before = rows(published.latest(Home(home)), reported)
    put_page(replay, FIRST + timedelta(days=1), b"<title>Just a moment...</title>")
    bars = next(page for page in pages() if page[1] == "BTCUSDT_1d")
    put_page(replay, FIRST, bars[3].content, "binance_vision", "BTCUSDT_1d", "zip")
    result = flowhouse("build", "--replay", replay, "--home", home)
    assert result.exit_code == 3
    assert "failed: btc/20251008T060000Z.html: the page has no flow table" in result.output
    folder = published.latest(Home(home))
    assert rows(folder, reported) == before
    assert rows(folder, "select count(*) from marts.market_prices_daily") == [(31,)]
    assert json.loads((folder / "manifest.json").read_text())["failed_sources"] == ["farside"]
    # the same bytes again: the same failure, no new row, nothing published
    again = flowhouse("build", "--replay", replay, "--home", home)
    assert again.exit_code == 3
    assert "Nothing new" in again.output
    # a good page of the same address settles it
    put_page(replay, FIRST + timedelta(days=2), flow_page(FUNDS, [flows(date(2025, 10, 7))]))
    assert flowhouse("build", "--replay", replay, "--home", home).exit_code == 0


def test_a_fund_nobody_listed_is_kept_and_reported(home, replay, flowhouse, rows):
    funds = [*FUNDS[:5], "XBTC", *FUNDS[5:]]
    put_page(replay, FIRST + timedelta(days=1), flow_page(funds, [flows(date(2025, 10, 7), funds=funds)]))
    result = flowhouse("build", "--replay", replay, "--home", home)
    assert result.exit_code == 0
    folder = published.latest(Home(home))
    assert rows(folder, "select kind, ticker from marts.etf_findings where kind = 'unknown_fund'") == [
        ("unknown_fund", "XBTC")
    ]
    day = "select funds_reported, funds_expected, is_complete from marts.etf_market_flows_daily"
    assert rows(folder, f"{day} where trade_date = '2025-10-07'") == [(11, 11, True)]
    for output in (result.output, flowhouse("status", "--home", home).output):
        assert "Findings about publishers, in marts.etf_findings: 1 unknown_fund" in output


def test_broken_structure_publishes_nothing(sample_home, tmp_path, flowhouse, monkeypatch):
    home = Home(shutil.copytree(sample_home, tmp_path / "home", symlinks=True))
    project = shutil.copytree(DBT_PROJECT, tmp_path / "dbt_project", ignore=shutil.ignore_patterns("target"))
    twice = project / "models/marts/market/market_sessions.sql"
    twice.write_text(f"{twice.read_text()}\nunion all\nselect * from ({twice.read_text()}) as again\n")
    monkeypatch.setattr(dbt, "DBT_PROJECT", project)
    monkeypatch.setattr(graph, "DBT_PROJECT", project)
    before = published.latest(home)
    result = flowhouse("build", "--home", home.root)
    assert result.exit_code == 1
    assert "market_sessions" in result.output
    assert "Traceback" not in result.output
    assert published.latest(home) == before


def test_a_failed_test_of_the_warehouse_publishes_nothing(copied, flowhouse):
    home = Home(copied)
    alter_row(home, "farside/flows", "newest")  # a fund's figure alone is not its page's total
    before = published.latest(home)
    result = flowhouse("build", "--home", home.root)
    assert result.exit_code == 1
    assert "printed_totals_are_the_sum_of_the_funds" in result.output
    assert "Traceback" not in result.output
    assert published.latest(home) == before


def test_a_build_as_of_a_time_stands_beside_the_current_one(home, replay, flowhouse, rows):
    put_page(replay, FIRST + timedelta(hours=3), flow_page(FUNDS, [flows(date(2025, 10, 6), first="-5.0")]))
    assert flowhouse("build", "--replay", replay, "--home", home).exit_code == 0
    current = published.latest(Home(home))
    result = flowhouse("build", "--as-of", "2025-10-07T07:00:00Z", "--home", home)
    assert result.exit_code == 0
    assert published.latest(Home(home)) == current
    assert "Nothing new" in flowhouse("build", "--home", home).output
    past = published.latest(Home(home, datetime(2025, 10, 7, 7)))
    ibit = "select net_flow_usd from {} where ticker = 'IBIT' and trade_date = '2025-10-06'"
    assert rows(past, ibit.format("marts.etf_flows_daily")) == [(10_000_000,)]
    assert rows(current, ibit.format("marts.etf_flows_daily")) == [(-5_000_000,)]
    assert rows(current, ibit.format("marts.etf_flows_daily_as_of(timestamp '2025-10-07 07:00')")) == [(10_000_000,)]


def test_a_first_replay_leaves_the_sample_out_and_says_so(sample_home, replay, tmp_path, flowhouse, rows):
    home = shutil.copytree(sample_home, tmp_path / "home", symlinks=True)
    result = flowhouse("build", "--replay", replay, "--home", home)
    assert result.exit_code == 0
    assert "its rows are left out from now on" in result.output
    folder = published.latest(Home(home))
    assert rows(folder, "select min(value_date), max(value_date) from marts.etf_observations") == [
        (date(2025, 10, 3), date(2025, 10, 6))
    ]
    assert rows(folder, "select count(*) from marts.market_prices_daily") == [(0,)]
    refused = flowhouse("build", "--sample", "--home", home)
    assert refused.exit_code == 2
    assert "give the sample a home of its own" in refused.output
