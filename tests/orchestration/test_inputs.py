"""What a build depends on: the report's code, the answers, the raw tables and the time as of which it is."""

from datetime import datetime

import polars as pl
import pytest

from orchestration import inputs
from orchestration.home import Home


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


@pytest.mark.parametrize("suffix", [".css", ".sql"])
def test_the_fingerprint_follows_the_report_and_the_answers(home, monkeypatch, suffix):
    before = inputs.of_lake(home).fingerprint
    monkeypatch.setattr(inputs, "CODE", inputs.CODE - {suffix})
    assert inputs.of_lake(home).fingerprint != before


def test_the_fingerprint_follows_the_lake_and_the_time(home):
    before = inputs.of_lake(home)
    assert inputs.of_lake(Home(home.root, datetime(2025, 11, 20))).fingerprint != before.fingerprint
    home.write_control()
    assert inputs.of_lake(home) == before
    home.lake.write("farside", "flows", pl.DataFrame({"value": [1.0, 2.0]}))
    assert inputs.of_lake(home).fingerprint != before.fingerprint
    assert inputs.of_lake(home).rows == {"farside/flows": 2}
