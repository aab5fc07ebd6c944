"""What a build depends on: the report's code, the answers, the lake and the time as of which it is."""

from datetime import datetime

import pytest

from orchestration.home import Home
from orchestration.publishing import fingerprint


@pytest.mark.parametrize("suffix", [".css", ".sql"])
def test_the_fingerprint_follows_the_report_and_the_answers(home, monkeypatch, suffix):
    before = fingerprint.fingerprint(home)
    monkeypatch.setattr(fingerprint, "CODE", fingerprint.CODE - {suffix})
    assert fingerprint.fingerprint(home) != before


def test_the_fingerprint_follows_the_lake_and_the_time(home):
    before = fingerprint.fingerprint(home)
    assert fingerprint.fingerprint(Home(home.root, datetime(2025, 11, 20))) != before
    home.write_control()
    assert fingerprint.fingerprint(home) == before
    (home.lake.root / "farside" / "flows").mkdir(parents=True)
    (home.lake.root / "farside" / "flows" / "flows.parquet").write_bytes(b"other")
    assert fingerprint.fingerprint(home) != before
