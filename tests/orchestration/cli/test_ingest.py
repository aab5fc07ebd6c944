"""`flowhouse ingest`: one source alone, and users' own files."""

import json
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from flow_pages import FIRST, put_page

from ingestion.errors import FetchFailed
from ingestion.transport.publisher import Http
from orchestration import gather
from orchestration.health import status
from orchestration.home import DBT_PROJECT, Home
from orchestration.settings import Settings


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
        monkeypatch.setattr(gather, "now", lambda hour=hour: datetime(2026, 1, 1, hour))
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


def test_a_users_own_flows_of_hong_kong_are_kept_and_corrected_by_a_later_file(tmp_path, flowhouse, monkeypatch):
    home, file = tmp_path / "home", tmp_path / "flows.csv"
    own = ("ingest", "hong_kong", "--file", file, "--name", "mine", "--home", home)
    for hour, usd in enumerate(["300000", "310000", ""]):
        file.write_text(
            f"trade_date,ticker,net_flow_native,net_flow_usd\n2024-05-02,3042,5,{usd}\n2024-05-02,3046,,0\n"
        )
        monkeypatch.setattr(gather, "now", lambda hour=hour: datetime(2026, 1, 1, hour))
        assert flowhouse(*own).exit_code == 0
    found = table(home, "hong_kong", "fund_flows").select("source", "ticker", "metric", "value", "observed_at")
    assert found.rows() == [
        ("mine", "3042", "net_flow_native", 5.0, datetime(2026, 1, 1, 0)),
        ("mine", "3042", "net_flow_usd", 300_000.0, datetime(2026, 1, 1, 0)),
        ("mine", "3046", "net_flow_usd", 0.0, datetime(2026, 1, 1, 0)),
        ("mine", "3042", "net_flow_usd", 310_000.0, datetime(2026, 1, 1, 1)),
        ("mine", "3042", "net_flow_usd", None, datetime(2026, 1, 1, 2)),
    ]


def test_a_flow_of_hong_kong_of_a_day_yet_to_come_is_refused(tmp_path, flowhouse):
    file = tmp_path / "flows.csv"
    file.write_text("trade_date,ticker,net_flow_native,net_flow_usd\n2999-01-01,3042,5,\n")
    result = flowhouse("ingest", "hong_kong", "--file", file, "--name", "mine", "--home", tmp_path / "home")
    assert result.exit_code == 1
    assert f"{file} has figures of 2999-01-01, which is in the future" in result.output


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


def test_publishers_that_refuse_leave_the_sample_out_and_say_so(sample_home, tmp_path, flowhouse, monkeypatch):
    def refuse(http, url):
        raise FetchFailed("example.org answered 403: come back later.")

    monkeypatch.setattr(Http, "get", refuse)
    home = shutil.copytree(sample_home, tmp_path / "home", symlinks=True)
    result = flowhouse("ingest", "farside", "--live", "--home", home)
    assert result.exit_code == 3
    assert "its rows are left out from now on" in result.output
    assert table(home, "farside", "flows").is_empty()
    again = flowhouse("ingest", "farside", "--live", "--home", home)
    assert "left out" not in again.output


def test_a_users_own_series_is_never_late(supply, tmp_path, flowhouse, monkeypatch):
    home = tmp_path / "home"
    assert flowhouse("ingest", "holder_series", "--file", supply, "--name", "mine", "--home", home).exit_code == 0
    assert flowhouse("ingest", "holder_series", "--live", "--home", home).exit_code == 0
    states = {state.source: state for state in status.read(Home(home), Settings(), datetime(2999, 1, 1)).sources}
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
    assert set(seed["definition_id"]) <= set(gather.known_definitions())


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
        ("hong_kong", ("--file", "F", "--name", "coinglass"), "other than coinglass"),
        ("hong_kong", ("--name", "mine"), "give both --file F and --name N"),
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


def test_a_publisher_that_wants_a_key_is_not_asked_without_one(tmp_path, flowhouse):
    result = flowhouse("ingest", "coinglass_liquidations", "--live", "--home", tmp_path / "home")
    assert result.exit_code == 2
    assert 'write coinglass_key_env = "NAME" into [publishers] of flowhouse.toml.' in result.stderr
