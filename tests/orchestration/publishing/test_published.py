"""The pointer to the newest published folder."""

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ingestion.errors import UsageError
from orchestration.home import Home
from orchestration.publishing import published


def test_latest_moves_to_the_new_build_and_a_reader_keeps_the_old_one(home, publish_after):
    first = publish_after(home)
    reader = duckdb.connect(str(home.published / "latest" / "warehouse.duckdb"), read_only=True)
    second = publish_after(home, timedelta(hours=1))
    assert published.latest(home) == second.resolve() != first.resolve()
    assert reader.sql("select count(*) from marts.flows").fetchall() == [(2,)]
    reader.close()


def test_latest_is_a_text_file_where_links_are_refused(home, monkeypatch, publish_after):
    monkeypatch.setattr(Path, "symlink_to", lambda *_, **__: (_ for _ in ()).throw(OSError("not permitted")))
    folder = publish_after(home)
    assert (home.published / "latest.txt").read_text() == folder.name
    assert published.warehouse(home) == folder.resolve() / "warehouse.duckdb"


def test_a_build_as_of_a_time_stands_beside_the_current_one(home, publish_after):
    current = publish_after(home)
    past = Home(home.root, datetime(2025, 11, 20, 2, 15))
    past.build.mkdir()
    past.build_file.write_bytes(home.build_file.read_bytes())
    for hour in range(2):
        folder = publish_after(past, timedelta(hours=hour))
        assert folder == home.published / "as_of" / "20251120T021500Z"
    assert published.latest(home) == current.resolve()
    assert published.latest(past) == folder.resolve()
    assert published.manifest(past)["as_of"] == "2025-11-20T02:15:00Z"


def test_nothing_published_is_said_in_one_sentence(tmp_path):
    with pytest.raises(UsageError, match="run `flowhouse build` first"):
        published.warehouse(Home(tmp_path))
