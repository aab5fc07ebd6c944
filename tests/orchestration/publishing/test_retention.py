"""How long old builds stay published."""

import os
import shutil
from datetime import datetime, timedelta

import pytest

from orchestration.home import Home
from orchestration.publishing import published, retention
from orchestration.settings import Publish

NOON = datetime(2026, 1, 5, 12)
GIB = 1024**3


def test_old_builds_are_removed_beyond_those_kept(home, publish_after):
    for day in range(5):
        newest = publish_after(home, timedelta(days=2 * day), keep=2)
    assert len(list(home.published.glob("*/manifest.json"))) == 2 + 1  # latest is a link to the newest
    assert published.latest(home) == newest.resolve()


def test_builds_under_a_day_old_are_kept(home, publish_after):
    for hour in range(4):
        publish_after(home, timedelta(hours=hour), keep=1)
    assert len([path for path in home.published.iterdir() if not path.is_symlink()]) == 4


def test_a_build_of_exactly_a_day_is_kept_and_a_second_later_it_is_not(home, publish_after):
    first = publish_after(home)
    publish_after(home, timedelta(days=1), keep=1)
    assert first.exists()
    publish_after(home, timedelta(days=1, seconds=1), keep=1)
    assert not first.exists()


def test_a_build_that_cannot_be_removed_stops_nothing(home, monkeypatch, publish_after):
    publish_after(home)

    def refuse(path, *_, **__):
        raise PermissionError(path)

    monkeypatch.setattr(os, "rmdir", refuse)
    publish_after(home, timedelta(days=3), keep=1)


@pytest.fixture
def kept(tmp_path):
    """Make builds, so many minutes before noon and of so many bytes, and say which stay; they are named by minutes."""

    def run(builds: dict[int, int], *, keep: int = 1, room: int = 10**6) -> list[int]:
        names = {f"{NOON - timedelta(minutes=minutes):%Y%m%dT%H%M%SZ}-0": minutes for minutes in builds}
        for name, minutes in names.items():
            (tmp_path / name).mkdir()
            (tmp_path / name / "manifest.json").write_text("")
            (tmp_path / name / "file").write_bytes(bytes(builds[minutes]))
        retention.remove_old(tmp_path, NOON, Publish(keep_builds=keep, keep_gib=room / GIB))
        return sorted(minutes for name, minutes in names.items() if (tmp_path / name).exists())

    return run


def test_the_last_build_of_each_hour_stays_for_a_day(kept):
    half_hourly = dict.fromkeys(range(0, 60 * 50, 30), 1)
    assert kept(half_hourly) == [0, *range(30, 60 * 24, 60)]


def test_the_newest_stay_beside_those_of_each_hour(kept):
    assert kept(dict.fromkeys(range(0, 300, 15), 1), keep=4) == [0, 15, 30, 45, 75, 135, 195, 255]


def test_bytes_bound_the_builds_of_the_day_and_those_that_are_kept(kept):
    assert kept(dict.fromkeys(range(0, 600, 60), 300), keep=5, room=1000) == [0, 60, 120]


def test_the_newest_build_stays_whatever_it_fills(kept):
    assert kept({0: 5000, 60: 10, 120: 10}, keep=3, room=1000) == [0]


def test_a_build_that_a_reader_may_just_have_opened_stays_whatever_it_fills(kept):
    assert kept({0: 600, 9: 600, 10: 600, 11: 600}, keep=9, room=1000) == [0, 9]


def test_a_file_with_several_names_is_counted_once(tmp_path):
    for hour in range(6):
        folder = tmp_path / f"20260105T{12 - hour:02}0000Z-0"
        folder.mkdir()
        (folder / "manifest.json").write_text("")
        if hour:
            published.link(tmp_path / "20260105T120000Z-0" / "file", folder / "file")
        else:
            (folder / "file").write_bytes(bytes(600))
    retention.remove_old(tmp_path, NOON, Publish(keep_builds=1, keep_gib=1000 / GIB))
    assert len(list(tmp_path.iterdir())) == 6


def test_a_build_as_of_a_time_is_never_removed(home, publish_after):
    past = Home(home.root, datetime(2025, 11, 20, 2, 15))
    shutil.copytree(home.build, past.build)
    folder = publish_after(past)
    publish_after(home, timedelta(days=30), keep=1, gib=1e-6)
    assert (folder / "manifest.json").exists()
