"""The whole road as a user walks it: `flowhouse build`, what it says, what it publishes, how it ends."""

import json
import shutil
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.archive import Archive, Served
from ingestion.errors import FetchFailed
from ingestion.http import Http
from ingestion.sample.pages import flow_page, pages
from orchestration import checks, dbt, publish, resources
from orchestration.resources import DBT_PROJECT, Home

FUNDS = ["IBIT", "FBTC", "BITB", "ARKB", "BTCO", "EZBC", "BRRR", "HODL", "BTCW", "GBTC", "BTC"]
FIRST = datetime(2025, 10, 7, 6)


def put_page(folder: Path, fetched_at: datetime, content: bytes, source="farside", resource="btc", ext="html") -> None:
    url = f"https://example.org/{resource}"
    Archive(folder).put(source, resource, Served(url, content, fetched_at), ext)


def flows(day: date, *, funds: list[str] = FUNDS, first: str | None = "10.0") -> tuple:
    """A day on which the first fund has a figure (or none) and every other one 0.0."""
    return day, [first, *["0.0"] * (len(funds) - 1)], first or "0.0"


@pytest.fixture
def replay(tmp_path) -> Path:
    """An archive folder with one short page of two days."""
    folder = tmp_path / "replay"
    put_page(folder, FIRST, flow_page(FUNDS, [flows(date(2025, 10, 3)), flows(date(2025, 10, 6))]))
    return folder


def test_the_sample_answers_the_question(sample_home, flowhouse, rows):
    folder = publish.latest(Home(sample_home))
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
    folder = publish.latest(Home(sample_home))
    names = {path.stem for path in (DBT_PROJECT / "models" / "marts").rglob("*.sql")}
    assert {path.stem for path in (folder / "parquet").iterdir()} == names
    undescribed = "select table_name, column_name from duckdb_columns() where schema_name = 'marts' and comment is null"
    assert rows(folder, undescribed) == []


def test_a_build_with_nothing_new_says_so_and_publishes_nothing(sample_home, flowhouse):
    before = publish.latest(Home(sample_home))
    result = flowhouse("build", "--home", sample_home)
    assert result.exit_code == 0
    assert "Nothing new" in result.output
    assert "IBIT, last complete weeks" in result.output
    assert publish.latest(Home(sample_home)) == before


def test_sql_answers_in_three_formats(sample_home, flowhouse):
    query = "select ticker, fee_bps from funds where ticker in ('IBIT', 'GBTC') order by ticker"
    table = flowhouse("sql", query, "--home", sample_home)
    assert "GBTC" in table.output
    csv = flowhouse("sql", query, "--format", "csv", "--home", sample_home)
    assert csv.output == "ticker,fee_bps\nGBTC,150\nIBIT,25\n"
    parsed = json.loads(flowhouse("sql", query, "--format", "json", "--home", sample_home).output)
    assert parsed == [{"ticker": "GBTC", "fee_bps": 150}, {"ticker": "IBIT", "fee_bps": 25}]


@pytest.mark.parametrize("statement", ["drop table marts.funds", "selec 1", "select * from nowhere"])
def test_sql_only_reads_and_says_what_is_wrong(sample_home, flowhouse, statement):
    result = flowhouse("sql", statement, "--home", sample_home)
    assert result.exit_code == 2
    assert "The query does not run" in result.output
    assert "Traceback" not in result.output


def test_the_as_of_macro_answers_from_the_command_line(sample_home, flowhouse):
    count = "select count(*) as n from etf_flows_daily_as_of('{}') where source = 'issuer'"
    before = flowhouse("sql", count.format("2025-11-10 00:00"), "--format", "csv", "--home", sample_home)
    after = flowhouse("sql", count.format("2025-11-12 00:00"), "--format", "csv", "--home", sample_home)
    assert before.output == "n\n0\n"
    assert after.output == "n\n31\n"


def test_a_query_before_any_build_says_to_build(tmp_path, flowhouse):
    result = flowhouse("sql", "select 1", "--home", tmp_path)
    assert result.exit_code == 2
    assert "run `flowhouse build` first" in result.output


def test_status_of_a_replayed_home_is_never_stale(sample_home, flowhouse):
    result = flowhouse("status", "--home", sample_home)
    assert result.exit_code == 0
    assert result.output.count(" ok") == 4


def test_status_of_a_live_home_is_stale_once_a_figure_is_overdue(sample_home, tmp_path):
    home = Home(shutil.copytree(sample_home, tmp_path / "live", symlinks=True))
    for record in home.lake.root.glob("*/reading.json"):
        record.write_text(record.read_text().replace('"sample"', '"live"'))
    # the newest flows are of Friday 7 Nov 2025, so those of Monday 10 are overdue on Tuesday at noon
    states = {state.source: state for state in checks.source_states(home, datetime(2025, 11, 11, 11))}
    assert states["farside"].state == "ok"
    assert states["farside"].due_at == datetime(2025, 11, 11, 12)
    states = {state.source: state for state in checks.source_states(home, datetime(2025, 11, 11, 13))}
    assert states["farside"].state == "stale"


def test_doctor_finds_a_good_home_well(sample_home, flowhouse):
    result = flowhouse("doctor", "--home", sample_home)
    assert result.exit_code == 0, result.output
    assert "FAIL" not in result.output


def test_doctor_says_what_to_do_about_a_home_that_is_a_file(tmp_path, flowhouse):
    (tmp_path / "home").write_text("")
    result = flowhouse("doctor", "--home", tmp_path / "home")
    assert result.exit_code == 1
    assert "choose another with --home" in result.output


def test_doctor_live_tries_every_resource_and_says_what_came(sample_home, flowhouse, monkeypatch):
    served = {page.url: page for *_, page in pages()}

    def get(http, url):
        if url in served:
            return served[url]
        raise FetchFailed("example.org answered 403: come back later.")

    monkeypatch.setattr(Http, "get", get)
    result = flowhouse("doctor", "--live", "--home", sample_home)
    assert result.exit_code == 1
    assert "ok    farside/btc_all: 360 figures up to 2025-11-07" in result.output
    assert "FAIL  farside/sol: example.org answered 403" in result.output


def test_a_live_build_whose_publishers_refuse_keeps_its_rows_and_exits_3(sample_home, tmp_path, flowhouse, monkeypatch):
    home = tmp_path / "home"
    put_page(home / "archive", FIRST, flow_page(FUNDS, [flows(date(2025, 10, 3)), flows(date(2025, 10, 6))]))
    assert flowhouse("build", "--home", home).exit_code == 0

    def refuse(http, url):
        raise FetchFailed("example.org answered 403: come back later.")

    monkeypatch.setattr(Http, "get", refuse)
    result = flowhouse("build", "--live", "--home", home)
    assert result.exit_code == 3
    assert "failed: farside/btc: example.org answered 403" in result.output
    assert "Nothing new" in result.output
    status = flowhouse("status", "--home", home)
    assert status.exit_code == 1
    assert "failed" in status.output


def test_a_bad_page_fails_its_source_and_the_rest_is_published(replay, tmp_path, flowhouse, rows):
    home = tmp_path / "home"
    assert flowhouse("build", "--replay", replay, "--home", home).exit_code == 0
    reported = "select trade_date, ticker, net_flow_usd from marts.etf_flows_daily where is_reported order by all"
    before = rows(publish.latest(Home(home)), reported)
    put_page(replay, FIRST + timedelta(days=1), b"<title>Just a moment...</title>")
    bars = next(page for page in pages() if page[1] == "BTCUSDT_1d")
    put_page(replay, FIRST, bars[3].content, "binance_vision", "BTCUSDT_1d", "zip")
    result = flowhouse("build", "--replay", replay, "--home", home)
    assert result.exit_code == 3
    assert "failed: btc/20251008T060000Z.html: the page has no flow table" in result.output
    folder = publish.latest(Home(home))
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


def test_a_fund_nobody_listed_is_kept_and_reported(replay, tmp_path, flowhouse, rows):
    funds = [*FUNDS[:5], "XBTC", *FUNDS[5:]]
    put_page(replay, FIRST + timedelta(days=1), flow_page(funds, [flows(date(2025, 10, 7), funds=funds)]))
    home = tmp_path / "home"
    result = flowhouse("build", "--replay", replay, "--home", home)
    assert result.exit_code == 0
    folder = publish.latest(Home(home))
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
    monkeypatch.setattr(publish, "DBT_PROJECT", project)
    before = publish.latest(home)
    result = flowhouse("build", "--home", home.root)
    assert result.exit_code == 1
    assert "market_sessions" in result.output
    assert "Traceback" not in result.output
    assert publish.latest(home) == before


def test_a_build_as_of_a_time_stands_beside_the_current_one(replay, tmp_path, flowhouse, rows):
    put_page(replay, FIRST + timedelta(hours=3), flow_page(FUNDS, [flows(date(2025, 10, 6), first="-5.0")]))
    home = tmp_path / "home"
    assert flowhouse("build", "--replay", replay, "--home", home).exit_code == 0
    current = publish.latest(Home(home))
    result = flowhouse("build", "--as-of", "2025-10-07T07:00:00Z", "--home", home)
    assert result.exit_code == 0
    assert publish.latest(Home(home)) == current
    past = publish.latest(Home(home, datetime(2025, 10, 7, 7)))
    ibit = "select net_flow_usd from {} where ticker = 'IBIT' and trade_date = '2025-10-06'"
    assert rows(past, ibit.format("marts.etf_flows_daily")) == [(10_000_000,)]
    assert rows(current, ibit.format("marts.etf_flows_daily")) == [(-5_000_000,)]
    assert rows(current, ibit.format("marts.etf_flows_daily_as_of(timestamp '2025-10-07 07:00')")) == [(10_000_000,)]


def test_a_first_replay_leaves_the_sample_out_and_says_so(sample_home, replay, tmp_path, flowhouse, rows):
    home = shutil.copytree(sample_home, tmp_path / "home", symlinks=True)
    result = flowhouse("build", "--replay", replay, "--home", home)
    assert result.exit_code == 0
    assert "its rows are left out from now on" in result.output
    folder = publish.latest(Home(home))
    assert rows(folder, "select min(value_date), max(value_date) from marts.etf_observations") == [
        (date(2025, 10, 3), date(2025, 10, 6))
    ]
    assert rows(folder, "select count(*) from marts.market_prices_daily") == [(0,)]
    refused = flowhouse("build", "--sample", "--home", home)
    assert refused.exit_code == 2
    assert "give the sample a home of its own" in refused.output


def test_what_nobody_foresaw_ends_in_a_sentence_too(sample_home, flowhouse, monkeypatch):
    monkeypatch.setattr(checks, "source_states", lambda home, at: 1 / 0)
    result = flowhouse("status", "--home", sample_home)
    assert result.exit_code == 1
    assert "This should not have happened (ZeroDivisionError)" in result.output
    with pytest.raises(ZeroDivisionError):
        flowhouse("--debug", "status", "--home", sample_home)


HOLDER = """
import sys, time
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


def test_a_home_in_use_says_so(sample_home, flowhouse, monkeypatch):
    monkeypatch.setattr(resources, "LOCK_SECONDS", 0.1)
    command = [sys.executable, "-c", HOLDER, sample_home / "build" / "lock"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        result = flowhouse("ingest", "nyse", "--home", sample_home)
        other.kill()
    assert result.exit_code == 1
    assert "Another flowhouse is at work in this home" in result.output


def test_one_source_can_be_ingested_alone(replay, tmp_path, flowhouse):
    result = flowhouse("ingest", "farside", "--replay", replay, "--home", tmp_path / "home")
    assert result.exit_code == 0
    assert "1 captures read,      24 observations added" in result.output
    assert "sessions" in flowhouse("ingest", "nyse", "--home", tmp_path / "home").output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("build", "--sample", "--live"), "exclude each other"),
        (("build", "--replay", "no/such/folder"), "is not a folder"),
        (("build", "--as-of", "yesterday"), "write it like 2025-11-20T02:15:00Z"),
        (("build", "--as-of", "2999-01-01"), "lies in the future"),
        (("ingest", "bloomberg"), "choose one of farside"),
        (("unknown",), "No such command"),
    ],
)
def test_wrong_usage_exits_2_in_one_sentence(tmp_path, flowhouse, arguments, sentence):
    options = [] if arguments == ("unknown",) else ["--home", tmp_path]
    result = flowhouse(*arguments, *options)
    assert result.exit_code == 2
    assert sentence in result.output
    assert "Traceback" not in result.output
