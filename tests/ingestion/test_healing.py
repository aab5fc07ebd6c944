"""Lakes whose files are deleted, cut short or overwritten: healed as they were, or named, never silent."""

import json
import os
import shutil
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from ingestion import calendar
from ingestion.archive import Archive, Served
from ingestion.lake import journal, tables
from ingestion.lake.journal import JOURNAL
from ingestion.lake.observations import CAPTURES
from ingestion.lake.tables import Lake
from ingestion.refresh import READING, last_readings, refresh
from ingestion.source import PublisherSource

NOW = datetime(2025, 12, 1)
START = datetime(2025, 11, 3, 12)
KEY = {"name": pl.String(), "value_date": pl.Date()}
DAMAGES = {
    "deleted": lambda path: path.unlink(),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "emptied": lambda path: path.write_bytes(b""),
    "overwritten": lambda path: path.write_bytes(b"garbage" * 100),
    "flipped": lambda path: path.write_bytes(flipped(path.read_bytes())),
}


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


def frame(rows, resource):
    days = [(name, date.fromisoformat(day), text, None if text is None else float(text)) for name, day, text in rows]
    return pl.DataFrame(days, schema={**KEY, "raw_text": pl.String, "value": pl.Float64}, orient="row")


SOURCE = PublisherSource(
    name="made",
    table="cells",
    description="A made source.",
    terms="None.",
    ext="json",
    key=KEY,
    newest="same_day",
    resources=("p",),
    fetch=lambda http, resource, archived, day: iter(()),
    parse=json.loads,
    frame=frame,
)


class Home:
    def __init__(self, root):
        self.archive, self.lake = Archive(root / "archive"), Lake(root / "lake")

    def put(self, minute, *texts):
        rows = [(f"n{n}", "2025-11-03", text) for n, text in enumerate(texts)]
        served = Served("https://publisher.example/p", json.dumps(rows).encode(), START + timedelta(minutes=minute))
        return self.archive.put("made", "p", served, "json")

    def read(self, mode="held", now=NOW, gathered=()):
        return refresh(SOURCE, self.archive, self.lake, mode, now, gathered)

    @property
    def rows(self):
        log = self.lake.read("made", CAPTURES, {})
        return self.lake.read("made", "cells", {}).rows(), log.rows()

    def damage(self, name, how):
        DAMAGES[how](self.lake.root / name)


@pytest.fixture
def home(tmp_path):
    """A home that read three captures, in which a figure goes from 1 to 2 and back."""
    home = Home(tmp_path)
    for minute, texts in enumerate((("1", None), ("2", "5"), ("1", "5"))):
        home.put(minute, *texts)
    home.read("live")
    return home


FILES = [
    "made/cells/cells.parquet",
    f"made/{CAPTURES}/{CAPTURES}.parquet",
    f"made/{JOURNAL}",
    f"made/{READING}",
    f"{calendar.SOURCE}/{calendar.TABLE}/{calendar.TABLE}.parquet",
    f"{calendar.SOURCE}/{JOURNAL}",
]


def test_every_file_of_a_lake_is_tried(home):
    files = {path.relative_to(home.lake.root).as_posix() for path in home.lake.root.rglob("*") if path.is_file()}
    assert files == {*FILES}


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_healed_as_it_was(home, name, how):
    before, sessions = home.rows, home.lake.read(calendar.SOURCE, calendar.TABLE, {})
    home.damage(name, how)
    result = home.read()
    assert home.rows == before
    assert home.lake.read(calendar.SOURCE, calendar.TABLE, {}).equals(sessions)
    assert not result.failures
    assert home.read().captures == 0
    assert {each.source for each in last_readings(home.lake)} == {"made"}


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", ["cells", CAPTURES])
def test_a_table_that_was_built_again_is_named(home, name, how):
    home.damage(f"made/{name}/{name}.parquet", how)
    result = home.read()
    assert result.captures == 3
    assert result.added == 0
    (sentence,) = result.repaired
    assert sentence.startswith(f"lake/made/{name}/{name}.parquet ")
    assert sentence.endswith(": built again from 3 captures of the archive.")


def test_a_table_that_is_shorter_says_by_how_much(home):
    home.lake.write("made", "cells", home.lake.read("made", "cells", {}).head(1))
    (sentence,) = home.read().repaired
    assert sentence.startswith("lake/made/cells/cells.parquet has 1 rows where 4 were written:")


def test_an_older_table_that_somebody_put_back_is_noticed(home):
    older = shutil.copytree(home.lake.root / "made" / "cells", home.lake.root.parent / "older")
    home.put(3, "7", "5")
    home.read("live")
    rows = home.rows
    shutil.copytree(older, home.lake.root / "made" / "cells", dirs_exist_ok=True)
    assert "has 4 rows where 5 were written" in home.read().repaired[0]
    assert home.rows == rows


def test_a_record_that_is_gone_is_named_and_the_next_one_is_quiet(home):
    home.damage(f"made/{READING}", "overwritten")
    assert home.read().repaired == (
        "lake/made/reading.json was gone or unreadable: when it was last asked is not known.",
    )
    assert home.read(now=NOW + timedelta(days=2)).repaired == ()


def test_a_repair_is_shown_for_a_day(home):
    home.damage("made/cells/cells.parquet", "deleted")
    first = home.read()
    later = home.read(now=NOW + timedelta(hours=23))
    assert (later.repaired, later.repaired_at) == (first.repaired, NOW)
    assert home.read(now=NOW + timedelta(hours=24)).repaired == ()


@pytest.mark.parametrize("name", ["cells", CAPTURES])
def test_what_the_archive_lost_too_is_a_failure_and_the_rest_stays(home, name):
    (home.archive.root / "made" / "p" / "20251103T120100Z.json").unlink()
    (home.archive.root / "made" / "p" / "20251103T120100Z.meta.json").unlink()
    home.damage(f"made/{name}/{name}.parquet", "deleted")
    files = {path: path.read_bytes() for path in home.lake.root.rglob("*.parquet")}
    result = home.read()
    (sentence,) = result.failures
    assert sentence.startswith(f"lake/made/{name}/{name}.parquet is gone, and archive/made lacks ")
    assert "restore it from a backup, or remove the folder lake/made" in sentence
    assert {path: path.read_bytes() for path in home.lake.root.rglob("*.parquet")} == files
    assert home.read().failures == result.failures
    shutil.rmtree(home.lake.root / "made")
    assert not home.read().failures
    assert home.lake.height("made", "cells") > 0


def test_an_archived_file_that_is_damaged_by_then_is_a_failure_that_names_both(home):
    (home.archive.root / "made" / "p" / "20251103T120100Z.json").write_bytes(b"[]")
    home.damage("made/cells/cells.parquet", "deleted")
    (sentence,) = home.read().failures
    assert sentence.startswith("lake/made/cells/cells.parquet is gone, and cannot be built again: made/p/20251103T1201")


class Killed(BaseException):
    pass


@pytest.mark.parametrize("damaged", [None, "cells", CAPTURES])
@pytest.mark.parametrize("writes", range(6))
def test_a_run_killed_at_any_write_leaves_what_the_next_one_puts_right(home, monkeypatch, tmp_path, writes, damaged):
    home.put(3, "7", None)
    home.put(4, "1", "6")
    other = Home(tmp_path / "other")
    other.archive = home.archive
    other.read("live")
    if damaged:
        home.damage(f"made/{damaged}/{damaged}.parquet", "deleted")
    left = [writes]

    def kill_after(source, target):
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        os.rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(tables.os, "replace", kill_after)
        try:
            home.read("live")
        except Killed:
            assert writes < 5
    result = home.read("live")
    assert not result.failures
    assert home.rows == other.rows
    assert damaged or not result.repaired


@pytest.mark.parametrize("writes", range(5))
def test_a_first_run_that_is_killed_is_no_damage(tmp_path, monkeypatch, writes):
    home = Home(tmp_path)
    home.put(0, "1")
    calendar.read_sessions(home.lake, NOW.date())
    left = [writes]

    def kill_after(source, target):
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        os.rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(tables.os, "replace", kill_after)
        try:
            home.read("live")
        except Killed:
            assert writes < 5
    assert not [each for each in home.read("live").repaired if "parquet" in each]
    assert len(home.rows[0]) == 1


def test_a_lake_without_a_journal_counts_as_it_is(home):
    (home.lake.root / "made" / JOURNAL).unlink()
    before = home.rows
    assert home.read().captures == 0
    assert home.rows == before
    assert (home.lake.root / "made" / JOURNAL).exists()


@pytest.mark.parametrize("table", ["cells", CAPTURES])
def test_a_lake_without_a_journal_that_lost_a_table_is_healed(home, table):
    before = home.rows
    (home.lake.root / "made" / JOURNAL).unlink()
    home.damage(f"made/{table}/{table}.parquet", "deleted")
    assert "is gone" in home.read().repaired[0]
    assert home.rows == before


def test_a_former_run_that_emptied_a_table_is_noticed(home):
    """A build of 0.1.0 put an empty table where one had been removed."""
    before = home.rows
    (home.lake.root / "made" / JOURNAL).unlink()
    home.lake.write("made", "cells", home.lake.read("made", "cells", {}).clear())
    assert "has no row of the 3 captures that were read" in home.read().repaired[0]
    assert home.rows == before


def test_a_reader_beside_a_writer_sees_no_damage(home, monkeypatch):
    """A reader takes no lock, so that the tables may change between its looks."""
    digest, calls = Lake.digest, []

    def meanwhile(lake, source, table):
        calls.append(table)
        if len(calls) == 1:
            monkeypatch.setattr(Lake, "digest", digest)
            home.put(3, "7", "5")
            home.read("live")
        return digest(lake, source, table)

    monkeypatch.setattr(Lake, "digest", meanwhile)
    assert journal.check(home.lake, "made", ("cells", CAPTURES)).is_sound


def test_a_failed_ask_stands_until_the_next_one_whatever_is_read_meanwhile(home):
    home.read("live", gathered=["made/p: publisher.example answered 403: try again later."])
    held = home.read(now=NOW + timedelta(hours=1))
    assert held.failures == ()
    assert held.standing_failures == ("made/p: publisher.example answered 403: try again later.",)
    assert (held.mode, held.asked_at) == ("live", NOW)
    assert last_readings(home.lake) == [held]
    assert home.read("live", now=NOW + timedelta(hours=2)).standing_failures == ()


def test_a_reading_is_the_same_after_it_was_written(home):
    home.damage("made/cells/cells.parquet", "deleted")
    result = home.read("live", gathered=["made/p: no."])
    assert last_readings(home.lake) == [result]
    assert replace(result, source="other") != result


def test_the_reading_of_a_chain_lies_beside_its_tables(home, tmp_path):
    from ingestion.refresh import RefreshResult, write_reading

    chain = RefreshResult("bitcoin/main", "live", NOW, 144, 9, ("the node is down: start it.",), NOW, newest_at=START)
    write_reading(home.lake, chain)
    assert Path(home.lake.root / "bitcoin" / "main.reading.json").exists()
    assert last_readings(home.lake)[0] == chain
