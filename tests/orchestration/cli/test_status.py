"""`flowhouse status` and `flowhouse doctor` on the sample and on live homes."""

import json
import re
import shutil
from datetime import datetime

from ingestion import registry
from ingestion.errors import FetchFailed
from ingestion.sample.pages import pages
from ingestion.transport.publisher import Http
from orchestration.health import doctor, status
from orchestration.home import Home


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
    result = flowhouse("status", "--format", "json", "--home", tmp_path)
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
