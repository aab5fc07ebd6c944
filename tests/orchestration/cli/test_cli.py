"""The whole road as a user walks it: `flowhouse build`, what it says, what it publishes, how it ends."""

import json
import re
import shutil
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from ingestion import registry
from ingestion.archive import Archive, Served
from ingestion.errors import FetchFailed
from ingestion.sample.pages import flow_page, pages
from ingestion.transport.publisher import Http
from orchestration import dbt, pipeline
from orchestration import home as resources
from orchestration.health import status
from orchestration.home import DBT_PROJECT, Home
from orchestration.publishing import publish

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
    assert result.output.count("run `flowhouse install-sql-page` once") == 1
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
    assert result.output.count(" ok") == 5
    assert result.output.count(" empty") == len(registry.names()) - 5


def test_status_answers_programs(sample_home, flowhouse):
    result = flowhouse("status", "--format", "csv", "--home", sample_home)
    heading, *lines = result.stdout.splitlines()
    assert heading == "source,mode,captured_at,observed_at,newest,is_complete,due_at,state"
    assert "farside,sample,2025-11-08 12:00:00,2025-11-08 12:00:00,2025-11-07,True,,ok" in lines
    assert [line.split(",")[0] for line in lines] == [*registry.names()]


def test_status_answers_programs_in_names_of_one_word(flowhouse, tmp_path):
    result = flowhouse("status", "--format", "json", "--home", tmp_path / "home")
    first, *_ = json.loads(result.stdout)
    assert first["source"] == "alternative_me"
    assert first["state"] == "empty"
    assert all(re.fullmatch("[a-z_]+", name) for name in first)


def test_status_of_a_live_home_is_stale_once_a_figure_is_overdue(sample_home, tmp_path):
    home = Home(shutil.copytree(sample_home, tmp_path / "live", symlinks=True))
    for record in home.lake.root.glob("*/reading.json"):
        record.write_text(record.read_text().replace('"sample"', '"live"'))
    # the newest flows are of Friday 7 Nov 2025, so those of Monday 10 are overdue on Tuesday at noon
    states = {state.source: state for state in status.source_states(home, datetime(2025, 11, 11, 11))}
    assert states["farside"].state == "ok"
    assert states["farside"].due_at == datetime(2025, 11, 11, 12)
    states = {state.source: state for state in status.source_states(home, datetime(2025, 11, 11, 13))}
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
    said = flowhouse("status", "--home", home)
    assert said.exit_code == 1
    assert "failed" in said.output


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
    monkeypatch.setattr(status, "source_states", lambda home, at: 1 / 0)
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
    assert "Another flowhouse is writing to this home" in result.output


def test_one_source_can_be_ingested_alone(replay, tmp_path, flowhouse):
    result = flowhouse("ingest", "farside", "--replay", replay, "--home", tmp_path / "home")
    assert result.exit_code == 0
    assert "1 captures read,      24 observations added" in result.output
    assert "sessions" in flowhouse("ingest", "nyse", "--home", tmp_path / "home").output


def table(home: Path, source: str, name: str) -> pl.DataFrame:
    return pl.read_parquet(home / "lake" / source / name / f"{name}.parquet")


@pytest.fixture
def supply(tmp_path) -> Path:
    """A user's own series of two days, as a spreadsheet saves it."""
    file = tmp_path / "supply.csv"
    file.write_bytes(b"\xef\xbb\xbfdate,lth_btc,sth_btc\r\n2025-11-03,15.5,4.5\r\n2025-11-04,15.0,5.0\r\n\r\n")
    return file


@pytest.fixture
def closes(tmp_path) -> Path:
    file = tmp_path / "closes.csv"
    file.write_text("date,close\n2010-07-17,0.04951\n2010-07-18,0.0858\n")
    return file


def test_a_users_own_series_is_filed_as_it_is_and_read(supply, tmp_path, flowhouse):
    home = tmp_path / "home"
    own = ("ingest", "holder_series", "--file", supply, "--name", "mine")
    result = flowhouse(*own, "--definition", "age_150d_step", "--home", home)
    assert result.exit_code == 0, result.output
    assert "1 captures read,       4 observations added" in result.output
    (filed,) = (home / "archive/holder_series/mine").glob("*.csv")
    assert filed.read_bytes() == supply.read_bytes()
    meta = json.loads(filed.with_suffix(".meta.json").read_text())
    assert (meta["origin"], meta["url"], meta["note"]) == ("served", "", "definition: age_150d_step")
    cells = table(home, "holder_series", "supply").select("series", "value_date", "metric", "value").rows()
    assert ("mine", date(2025, 11, 4), "lth_native", 15.0) in cells
    assert table(home, "holder_series", "definitions").select("series", "definition_id").rows() == [
        ("mine", "age_150d_step")
    ]


def test_a_definition_stays_until_another_is_named(supply, tmp_path, flowhouse, monkeypatch):
    home = tmp_path / "home"
    own = ("ingest", "holder_series", "--file", supply, "--name", "mine", "--home", home)
    for hour, definition in enumerate([(), ("--definition", "age_155d_step"), (), ("--definition", "as_published")]):
        monkeypatch.setattr(pipeline, "now", lambda hour=hour: datetime(2026, 1, 1, hour))
        assert flowhouse(*own, *definition).exit_code == 0
    assert table(home, "holder_series", "definitions")["definition_id"].to_list() == ["age_155d_step", "as_published"]
    assert len(list((home / "archive/holder_series/mine").glob("*.csv"))) == 4
    assert table(home, "holder_series", "supply").height == 4


def test_a_users_own_closes_are_of_the_venue_and_asset_named(closes, tmp_path, flowhouse):
    home = tmp_path / "home"
    own = ("ingest", "prices", "--file", closes, "--name", "mine", "--home", home)
    assert flowhouse(*own).exit_code == 0
    assert flowhouse(*own, "--asset", "ETH").exit_code == 0
    found = table(home, "prices", "closes").filter(value_date=date(2010, 7, 17)).sort("asset")
    assert found.select("asset", "venue", "metric", "value").rows() == [
        ("BTC", "mine", "close_usd", 0.04951),
        ("ETH", "mine", "close_usd", 0.04951),
    ]
    assert (home / "archive/prices/mine").is_dir()


def test_a_file_that_is_refused_is_named_and_leaves_everything_as_it_was(sample_home, supply, tmp_path, flowhouse):
    home = shutil.copytree(sample_home, tmp_path / "home", symlinks=True)
    files = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    supply.write_text("date,lth_btc,sth_btc\n2025-11-03,15.5,4.5\n2025-11-04,5.0,15.0\n")
    result = flowhouse("ingest", "holder_series", "--file", supply, "--name", "mine", "--home", home)
    assert result.exit_code == 1
    assert f"{supply}: long-term supply (5.0) is below short-term supply (15.0) on 2025-11-04" in result.output
    assert "left out" not in result.output
    assert "Traceback" not in result.output
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == files


def test_a_day_yet_to_come_is_refused(supply, tmp_path, flowhouse):
    supply.write_text("date,lth_btc,sth_btc\n2999-01-01,15.5,4.5\n")
    result = flowhouse("ingest", "holder_series", "--file", supply, "--name", "mine", "--home", tmp_path / "home")
    assert result.exit_code == 1
    assert f"{supply} has figures of 2999-01-01, which is in the future" in result.output
    assert not (tmp_path / "home" / "archive").exists()


def test_a_users_own_file_leaves_the_sample_out_and_says_so(sample_home, supply, tmp_path, flowhouse):
    home = shutil.copytree(sample_home, tmp_path / "home", symlinks=True)
    assert table(home, "holder_series", "supply")["series"].unique().to_list() == ["published_utxo"]
    result = flowhouse("ingest", "holder_series", "--file", supply, "--name", "mine", "--home", home)
    assert result.exit_code == 0
    assert "its rows are left out from now on" in result.output
    assert table(home, "holder_series", "supply")["series"].unique().to_list() == ["mine"]
    assert table(home, "farside", "flows").is_empty()


def test_a_users_own_series_is_never_stale(supply, tmp_path, flowhouse, monkeypatch):
    home = tmp_path / "home"
    assert flowhouse("ingest", "holder_series", "--file", supply, "--name", "mine", "--home", home).exit_code == 0
    assert flowhouse("ingest", "holder_series", "--live", "--home", home).exit_code == 0
    states = {state.source: state for state in status.source_states(Home(home), datetime(2999, 1, 1))}
    assert (states["holder_series"].mode, states["holder_series"].state) == ("file", "ok")


def test_a_replayed_series_is_found_by_its_folder(supply, tmp_path, flowhouse):
    put_page(tmp_path / "replay", FIRST + timedelta(days=60), supply.read_bytes(), "holder_series", "theirs", "csv")
    home = tmp_path / "home"
    result = flowhouse("ingest", "holder_series", "--replay", tmp_path / "replay", "--home", home)
    assert result.exit_code == 0
    assert table(home, "holder_series", "supply")["series"].unique().to_list() == ["theirs"]
    assert table(home, "holder_series", "definitions").is_empty()


def test_the_seed_knows_the_definitions_of_published_series():
    seed = pl.read_csv(DBT_PROJECT / "seeds/holder_series.csv")
    assert dict(seed.select("series", "definition_id").iter_rows()) == {
        "published_utxo": "age_155d_step",
        "bitview": "age_150d_step",
    }
    assert set(seed["definition_id"]) <= set(pipeline.known_definitions())


@pytest.mark.parametrize(
    ("source", "options", "sentence"),
    [
        ("holder_series", ("--name", "mine"), "give both --file F and --name N"),
        ("holder_series", ("--file", "F"), "give both --file F and --name N"),
        ("holder_series", ("--definition", "age_155d_step"), "give --file F and --name N too"),
        ("holder_series", ("--file", "F", "--name", "../mine"), "'../mine' cannot be its name"),
        ("holder_series", ("--file", "F", "--name", "derived"), "other than derived and bitview"),
        ("holder_series", ("--file", "F", "--name", "mine", "--asset", "ETH"), "No such option '--asset'"),
        ("holder_series", ("--file", "F", "--name", "mine", "--definition", "old"), "There is no definition 'old'"),
        ("holder_series", ("--file", "F", "--name", "mine", "--live"), "exclude each other"),
        ("holder_series", ("--file", "no/such.csv", "--name", "mine"), "no/such.csv cannot be read"),
        ("prices", ("--file", "F", "--name", "binance"), "other than binance"),
        ("prices", ("--file", "F", "--name", "mine", "--asset", "btc"), "'btc' is not an asset"),
        ("prices", ("--file", "F", "--name", "mine", "--definition", "as_published"), "No such option '--definition'"),
        ("farside", ("--file", "F", "--name", "mine"), "No such option '--file'"),
    ],
)
def test_options_that_do_not_fit_a_users_own_file_are_wrong_usage(
    supply, tmp_path, flowhouse, source, options, sentence
):
    given = [supply if option == "F" else option for option in options]
    result = flowhouse("ingest", source, *given, "--home", tmp_path / "home")
    assert result.exit_code == 2
    assert sentence in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "home" / "archive").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("build", "--sample", "--live"), "exclude each other"),
        (("build", "--replay", "no/such/folder"), "is not a folder"),
        (("build", "--as-of", "yesterday"), "write it like 2025-11-20T02:15:00Z"),
        (("build", "--as-of", "2999-01-01"), "is in the future"),
        (("ingest", "bitcoin"), "give --datadir DIR, --rpc URL or --rest URL"),
        (("ingest", "bitcoin", "--datadir", ".", "--network", "main2"), "There is no network 'main2'"),
        (("unknown",), "No such command"),
        (("ingest", "bloomberg"), "No such command"),
    ],
)
def test_wrong_usage_exits_2_in_one_sentence(tmp_path, flowhouse, arguments, sentence):
    options = [] if sentence == "No such command" else ["--home", tmp_path]
    result = flowhouse(*arguments, *options)
    assert result.exit_code == 2
    assert sentence in result.output
    assert "Traceback" not in result.output
