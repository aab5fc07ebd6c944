"""dbt's page in the published folder, opened by a browser that has no network."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestration.home import DBT_PROJECT, Home

CHROMIUM = shutil.which("chromium")
MODEL = "#!/model/model.flowhouse.etf_flows_daily"


@pytest.fixture
def browse(tmp_path):
    """Open a page without a window; returns what it shows, and the addresses it requested."""

    def run(page: Path, place: str = MODEL) -> tuple[str, list[str]]:
        log = tmp_path / "net.json"
        command = [
            CHROMIUM,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'chrome'}",
        ]
        command += [f"--log-net-log={log}", "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=8000"]
        command += ["--dump-dom", f"{page.as_uri()}{place}"]
        shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
        events = json.loads(log.read_text())["events"]
        asked = [event["params"] for event in events if "initiator" in event.get("params", {})]
        return shown, [one["url"] for one in asked if one["initiator"] != "not an origin" and "url" in one]

    return run


def test_every_mart_is_in_the_page_with_its_types_and_no_path_of_this_machine(sample_home):
    page = (sample_home / "published/latest/docs/index.html").read_text()
    assert '"name": "etf_flows_weekly"' in page
    assert "DECIMAL(38,8)" in page
    assert str(Home(sample_home).root) not in page
    assert str(DBT_PROJECT) not in page


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_the_page_opens_offline_and_asks_for_nothing(sample_home, browse):
    shown, asked = browse(sample_home / "published/latest/docs/index.html")
    assert "One row per fund, session and source" in shown
    assert asked == []


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_the_page_begins_with_the_guide(sample_home, browse):
    shown, asked = browse(sample_home / "published/latest/docs/index.html", "")
    assert "What to know before quoting a figure" in shown
    assert asked == []


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_request_would_be_seen(sample_home, browse, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<img src='http://example.invalid/pixel.png'>")
    assert browse(page)[1] == ["http://example.invalid/pixel.png"]
