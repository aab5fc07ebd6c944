"""`flowhouse status` and `flowhouse doctor` on the sample and on live homes."""

import json
import re
import shutil
from datetime import datetime

import pytest

from ingestion import registry
from ingestion.errors import FetchFailed
from ingestion.sample import load
from ingestion.sample.pages import pages
from ingestion.transport.publisher import Http
from orchestration.health import doctor
from orchestration.home import Home

HELD = {source for source, *_ in pages()}
LISTED = [name for name in registry.names() if name in HELD or not registry.source(name).is_opt_in]
"""Sources that are asked by choice are silent until they are chosen or have captures."""


def test_status_of_the_bundled_sample_is_never_late_and_says_why(sample_home, flowhouse):
    result = flowhouse("status", "--home", sample_home)
    assert result.exit_code == 0
    assert result.output.count(" ok") == len(HELD) + 2  # and two chains
    assert result.output.count(" empty") == len(LISTED) - len(HELD)
    assert "the bundled sample, which is never late" in result.output


def test_status_answers_programs(sample_home, flowhouse):
    result = flowhouse("status", "--format", "csv", "--home", sample_home)
    heading, *lines = result.stdout.splitlines()
    assert heading == "source,mode,asked_at,captured_at,observed_at,newest,is_complete,due_at,late_hours,state"
    (line,) = [line.split(",") for line in lines if line.startswith("farside,")]
    asked_at = line.pop(2)
    assert datetime.fromisoformat(asked_at) > datetime(2026, 1, 1)
    assert ",".join(line) == "farside,sample,2025-11-08 12:00:00,2025-11-08 12:00:00,2025-11-07,True,,0.0,ok"
    assert [line.split(",")[0] for line in lines] == LISTED


def test_status_answers_programs_with_one_object(flowhouse, sample_home):
    found = json.loads(flowhouse("status", "--format", "json", "--home", sample_home).stdout)
    assert [*found] == ["sources", "chains", "warehouse"]
    assert [source["source"] for source in found["sources"]] == LISTED
    assert [chain["name"] for chain in found["chains"]] == ["bitcoin/regtest", "evm/anvil"]
    assert found["warehouse"]["build_id"] == (sample_home / "published" / "latest").readlink().name
    assert found["warehouse"]["state"] == "ok"
    names = [name for each in (*found["sources"], *found["chains"], found["warehouse"]) for name in each]
    assert all(re.fullmatch("[a-z_]+", name) for name in names)


def test_status_of_no_home_is_wrong_usage(flowhouse, tmp_path):
    result = flowhouse("status", "--home", tmp_path / "nope")
    assert result.exit_code == 2
    assert f"There is no home at {tmp_path / 'nope'}" in result.output
    assert not (tmp_path / "nope").exists()


def test_status_of_a_home_with_wrong_settings_is_wrong_usage(sample_home, flowhouse, monkeypatch):
    monkeypatch.setenv("FLOWHOUSE_MODE", "foo")
    result = flowhouse("status", "--home", sample_home)
    assert result.exit_code == 2
    assert "FLOWHOUSE_MODE is 'foo'" in result.output


def test_replayed_figures_of_a_year_ago_are_late(replay, flowhouse, tmp_path):
    assert flowhouse("ingest", "farside", "--replay", replay, "--home", tmp_path / "home").exit_code == 0
    result = flowhouse("status", "--home", tmp_path / "home")
    assert result.exit_code == 1
    assert re.search(r"farside +replay .* late *$", result.output, re.MULTILINE)
    assert "farside: figures of 2025-10-07 were expected by 2025-10-08 11:00 UTC" in result.output


def test_a_chain_that_was_read_by_hand_is_not_late(flowhouse, tmp_path):
    lake = Home(tmp_path).lake
    load.read_event_chain(lake)
    (lake.root / "evm" / "loaded").unlink()
    found = json.loads(flowhouse("status", "--format", "json", "--home", tmp_path).stdout)
    assert [(chain["name"], chain["state"]) for chain in found["chains"]] == [("evm/anvil", "ok")]


def test_doctor_checks_the_archive_and_status_says_what_it_found(sample_home, flowhouse, tmp_path):
    home = shutil.copytree(sample_home, tmp_path / "home", symlinks=True)
    pages = list((home / "archive").rglob("*.meta.json"))
    result = flowhouse("doctor", "--archive", "--home", home)
    assert result.exit_code == 0, result.output
    assert f"ok    {len(pages)} archived files, " in result.output
    said = flowhouse("status", "--home", home)
    assert f"{len(pages)} files, all as they were stored." in said.output
    assert said.exit_code == 0
    page = next((home / "archive" / "farside" / "btc_all").glob("*.html"))
    page.write_bytes(b"garbage")
    result = flowhouse("doctor", "--archive", "--home", home)
    assert result.exit_code == 1
    assert f"FAIL  farside/btc_all/{page.name} does not have the sha256" in result.output
    said = flowhouse("status", "--home", home)
    assert said.exit_code == 1
    assert f"archive: farside/btc_all/{page.name} does not have the sha256" in said.output


def test_a_table_that_was_removed_is_lost_until_it_is_built_again(sample_home, flowhouse, tmp_path):
    home = shutil.copytree(sample_home, tmp_path / "home", symlinks=True)
    table = home / "lake" / "farside" / "flows" / "flows.parquet"
    content = table.read_bytes()
    table.unlink()
    said = flowhouse("status", "--home", home)
    assert said.exit_code == 1
    assert re.search("^ *farside .* lost *$", said.output, re.MULTILINE)
    assert "farside: lake/farside/flows/flows.parquet is gone: run `flowhouse build`" in said.output
    result = flowhouse("ingest", "farside", "--home", home)
    assert result.exit_code == 0
    assert "repaired: lake/farside/flows/flows.parquet is gone: built again from" in result.output
    assert table.read_bytes() == content
    said = flowhouse("status", "--home", home)
    assert said.exit_code == 0, said.output
    assert "farside: repaired: lake/farside/flows/flows.parquet is gone: built again from" in said.output


@pytest.mark.parametrize("file", ["warehouse.duckdb", "manifest.json", "parquet/claims.parquet"])
def test_a_published_file_that_is_gone_is_named(sample_home, flowhouse, tmp_path, file):
    home = shutil.copytree(sample_home, tmp_path / "home", symlinks=True)
    (home / "published" / "latest" / file).unlink()
    said = flowhouse("status", "--home", home)
    assert said.exit_code == 1
    assert "warehouse: published/" in said.output
    assert "is gone" in said.output


def test_a_build_that_failed_is_named_with_its_reason(sample_home, flowhouse, tmp_path):
    home = Home(shutil.copytree(sample_home, tmp_path / "home", symlinks=True))
    last = {"at": "2025-11-04T06:00:00", "succeeded": False, "reason": "a test failed: no_gap", "build_id": None}
    home.write_state("current/last_build.json", last)
    said = flowhouse("status", "--home", home.root)
    assert said.exit_code == 1
    assert "warehouse: the last build failed: a test failed: no_gap" in said.output


def test_doctor_finds_a_good_home_well(sample_home, flowhouse):
    result = flowhouse("doctor", "--home", sample_home)
    assert result.exit_code == 0, result.output
    assert "FAIL" not in result.output


def test_doctor_says_what_to_do_about_a_home_that_is_a_file(tmp_path, flowhouse):
    (tmp_path / "home").write_text("")
    result = flowhouse("doctor", "--home", tmp_path / "home")
    assert result.exit_code == 2
    assert f"{tmp_path / 'home'} is not a folder: name another home with --home." in result.output
    unwritable = next(doctor.machine(Home(tmp_path / "home")))
    assert not unwritable.is_well
    assert "choose another with --home" in unwritable.sentence


def test_doctor_live_tries_every_resource_and_says_what_came(sample_home, flowhouse, monkeypatch):
    served = {page.url: page for *_, page in pages()}

    def get(http, url):
        if url in served:
            return served[url]
        raise FetchFailed("example.org answered 403: try again later.")

    monkeypatch.setattr(Http, "get", get)
    result = flowhouse("doctor", "--live", "--home", sample_home)
    assert result.exit_code == 1
    assert "ok    farside/btc_all: 360 figures up to 2025-11-07" in result.output
    assert "FAIL  farside/sol: example.org answered 403" in result.output
