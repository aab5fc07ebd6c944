"""A home whose lake is on a store: the same tables as in a folder, also for DuckDB where they lie."""

import re
from pathlib import Path

import duckdb
import pytest
import s3_server
from flow_pages import FIRST, put_page
from obstore.fsspec import FsspecStore

from ingestion import registry
from ingestion.bitcoin import ledger as coins
from ingestion.bitcoin.networks import NETWORKS
from ingestion.lake.observations import read_log
from orchestration import gather
from orchestration.errors import HomeBusy
from orchestration.health import doctor
from orchestration.home import Home
from orchestration.ingest_mode import Replay, Sample

URL = f"s3://{s3_server.BUCKET}/lake"
SOURCES = ("farside", "binance_bars", "alternative_me")
"""Of observations, of rows in parts, and of one file."""


@pytest.fixture(scope="module")
def folder_home(tmp_path_factory) -> Home:
    home = Home(tmp_path_factory.mktemp("folder"))
    fill(home)
    return home


def fill(home: Home) -> None:
    """Read some of the sample's pages, and a chain."""
    with home.lock():
        gather.update_tokens(home, Sample())
    for source in SOURCES:
        gather.update(registry.source(source), home, Sample())


def tables(home: Home) -> dict[str, list[str]]:
    """Digests of the Parquet files of each table, without the names of parts."""
    found: dict[str, list[str]] = {}
    for name in home.lake.files.walk():
        source, *rest = name.split("/")
        if len(rest) == 2:
            part = rest[1].removesuffix(".parquet")
            found.setdefault(f"{source}/{rest[0]}", []).append(home.lake.digest(source, rest[0], part) or "")
    return {table: sorted(digests) for table, digests in found.items()}


def test_a_store_gets_the_tables_that_a_folder_gets(s3, tmp_path, folder_home):
    home = Home(tmp_path / "home", lake_url=URL)
    fill(home)
    assert home.is_sample
    assert tables(home) == tables(folder_home)
    assert not (home.root / "lake").exists()
    before = tables(home)
    fill(home)
    assert tables(home) == before
    other = Home(tmp_path / "other", lake_url=URL)  # another machine reads the same
    assert tables(other) == before

    # DuckDB reads them where they lie
    con = duckdb.connect()
    con.register_filesystem(FsspecStore("s3", client_options={"allow_http": True}))
    query = "select count(*), count(distinct ticker), sum(value) from read_parquet('{}/farside/flows/flows.parquet')"
    with duckdb.connect() as plain:
        expected = plain.sql(query.format(folder_home.root / "lake")).fetchall()
    assert con.sql(query.format(URL)).fetchall() == expected
    assert expected[0][0] > 0


def test_the_first_real_captures_leave_the_sample_on_a_store_too(s3, tmp_path):
    home = Home(tmp_path / "home", lake_url=URL)
    gather.update(registry.source("alternative_me"), home, Sample())
    put_page(tmp_path / "archive", FIRST, b"no page")
    result = gather.update(registry.source("farside"), home, Replay(tmp_path / "archive"))
    assert result.failures
    assert not home.is_sample
    assert read_log(home.lake, "farside").height == 1
    assert read_log(home.lake, "alternative_me").height == 0


def test_machines_wait_for_each_other(s3, tmp_path):
    here, there = (Home(tmp_path / name, lock_wait_seconds=0, lake_url=URL) for name in ("here", "there"))
    with here.chain_lock("bitcoin", "main"):
        assert there.chains_being_read() == ["bitcoin main"]
        with pytest.raises(HomeBusy, match="Another flowhouse is reading bitcoin main into this home's lake"):
            there.chain_lock("bitcoin", "main").__enter__()
        with there.lock():
            assert coins.read_record(there.lake, NETWORKS["main"]).tip_height is None
    with there.chain_lock("bitcoin", "main"):
        pass


@pytest.mark.parametrize("command", [["build", "--sample"], ["ingest", "farside"], ["status"]])
def test_a_store_that_is_not_there_is_one_sentence_and_changes_nothing(s3, tmp_path, flowhouse, monkeypatch, command):
    home = tmp_path / "home"
    home.mkdir()
    (home / "flowhouse.toml").write_text(f'[lake]\nurl = "{URL}"\n')
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:secret-of-the-bucket@127.0.0.1:1")
    monkeypatch.setattr("ingestion.object_store.RETRIES", {"max_retries": 0})
    result = flowhouse(*command, "--home", home)
    assert result.exit_code == 1
    assert f"{URL} could not be reached: check AWS_ENDPOINT_URL, AWS_REGION and the network." in result.output
    assert "Traceback" not in result.output
    assert "secret" not in result.output
    assert not (home / "lake").exists()
    assert not (home / "published").exists()


@pytest.mark.parametrize("is_there", [True, False])
def test_doctor_says_whether_the_lake_can_be_written(s3, tmp_path, is_there):
    url = URL if is_there else "s3://nowhere/lake"
    (check,) = doctor.lake(Home(tmp_path, lock_wait_seconds=0, lake_url=url))
    assert check.is_well == is_there
    assert check.sentence == (
        f"lake at {URL} can be read and written"
        if is_there
        else f"{url} is not there: create the bucket, or check its name and region."
    )


def test_commands_that_touch_the_lake_open_it_where_the_settings_say():
    """Who opens a home without its settings would take the folder `lake` of the home for its lake."""
    code = Path(doctor.__file__).parent.parent
    unconfigured = {
        path.relative_to(code).as_posix()
        for path in code.rglob("*.py")
        if re.search(r"(?<!def )\bopen_home\(|\bHome\(", path.read_text())
    }
    assert unconfigured == {
        "bi/superset.py",  # what is published
        "cli/alerts.py",  # addresses
        "cli/claims.py",  # what is published, as the next two
        "cli/show.py",
        "cli/sql.py",
        "cli/config.py",  # the settings themselves
        "cli/install_sql_page.py",  # the home's folder
        "cli/options.py",  # adds the settings
        "cli/service.py",  # the home's folder
        "collecting.py",  # the archive
        "definitions.py",  # with settings
        "health/integrity.py",  # what the last build read
        "project.py",  # dbt's project alone
        "serving/housekeeping.py",  # Dagster's state
        "serving/webserver.py",
    }
