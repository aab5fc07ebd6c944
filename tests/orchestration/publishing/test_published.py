"""The pointer to the newest published folder."""

import os
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ingestion import durable
from ingestion.errors import UsageError
from orchestration.errors import PublishedDamaged
from orchestration.home import Home
from orchestration.publishing import publish, published


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


def test_of_link_and_text_one_is_there_and_tells_the_truth(home, monkeypatch, publish_after):
    publish_after(home)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "symlink_to", lambda *_, **__: (_ for _ in ()).throw(OSError("not permitted")))
        second = publish_after(home, timedelta(hours=1))
    assert published.latest(home) == second.resolve()
    assert not (home.published / "latest").is_symlink()
    third = publish_after(home, timedelta(hours=2))
    assert published.latest(home) == (home.published / "latest").resolve() == third.resolve()
    assert not (home.published / "latest.txt").exists()


@pytest.mark.parametrize("at", ["link", "text"])
def test_a_kill_between_link_and_text_leaves_the_newer_build_to_readers(home, monkeypatch, publish_after, at):
    first, second = publish_after(home), publish_after(home, timedelta(hours=1))
    older, newer = (first, second) if at == "link" else (second, first)
    (home.published / "latest.txt").write_text(older.name)
    durable.link(home.published / "latest", newer.name)
    assert published.latest(home) == second.resolve()


def test_a_build_as_of_a_time_is_there_at_every_moment(home, monkeypatch, publish_after):
    past = Home(home.root, datetime(2025, 11, 20, 2, 15))
    past.build.mkdir()
    past.build_file.write_bytes(home.build_file.read_bytes())
    publish_after(past)
    place, found = home.published / "as_of" / "20251120T021500Z", []
    for name in ("replace", "rename", "unlink", "rmdir"):
        call = getattr(os, name)

        def watched(*arguments, call=call, **options):
            result = call(*arguments, **options)
            found.append((place / "manifest.json").is_file())
            return result

        monkeypatch.setattr(os, name, watched)
    for hour in range(1, 4):
        publish_after(past, timedelta(hours=hour))
    assert len(found) > 10
    assert all(found)
    assert len(list((home.published / "as_of" / ".20251120T021500Z").iterdir())) == 2


def test_a_folder_as_of_a_time_of_a_former_version_gives_way(home, publish_after):
    past = Home(home.root, datetime(2025, 11, 20, 2, 15))
    past.build.mkdir()
    past.build_file.write_bytes(home.build_file.read_bytes())
    place = home.published / "as_of" / past.name
    place.mkdir(parents=True)
    (place / "manifest.json").write_text("{}")
    assert publish_after(past) == place
    assert place.is_symlink()
    assert published.intact_manifest(past)


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_manifest_that_cannot_be_read_is_named(home, publish_after, text):
    folder = publish_after(home)
    (folder / "manifest.json").write_text(text)
    with pytest.raises(PublishedDamaged, match=rf"{folder.name}/manifest\.json cannot be read: run `flowhouse build`"):
        published.manifest(home)
    assert published.intact_manifest(home) is None
    assert published.folder_of(home, folder.name) is None


def test_what_a_failed_publication_wrote_gives_its_room_back(home, monkeypatch, publish_after):
    monkeypatch.setattr(publish, "_write_report", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space left"):
        publish_after(home)
    assert list(home.published.iterdir()) == []


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
