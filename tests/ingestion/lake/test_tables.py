"""Tables and records on disk."""

import os
import shutil

import polars as pl
import pytest

from ingestion.lake import snapshot
from ingestion.lake.tables import Lake

SCHEMA = {"name": pl.String, "value": pl.Float64}
ROWS = pl.DataFrame({"name": ["a"], "value": [1.0]}, schema=SCHEMA)


def test_a_table_is_read_back_and_is_empty_but_typed_before(tmp_path):
    lake = Lake(tmp_path)
    assert not lake.has("made", "cells")
    assert lake.read("made", "cells", SCHEMA).equals(pl.DataFrame(schema=SCHEMA))
    lake.write("made", "cells", ROWS)
    assert lake.has("made", "cells")
    assert lake.read("made", "cells", SCHEMA).equals(ROWS)
    assert (tmp_path / "made" / "cells" / "cells.parquet").exists()


def test_a_table_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    lake = Lake(tmp_path)
    lake.write("made", "cells", ROWS)
    lake.write_record("made", "reading.json", "old")

    def break_off(part, path):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", break_off)
    with pytest.raises(KeyboardInterrupt):
        lake.write("made", "cells", ROWS.clear())
    with pytest.raises(KeyboardInterrupt):
        lake.write_record("made", "reading.json", "new")
    assert lake.read("made", "cells", SCHEMA).equals(ROWS)
    assert (tmp_path / "made" / "reading.json").read_text() == "old"
    assert sorted(tmp_path.glob("*/*/*.parquet")) == [tmp_path / "made" / "cells" / "cells.parquet"]


def test_tables_are_created_once_and_typed(tmp_path):
    lake = Lake(tmp_path)
    lake.write("made", "cells", ROWS)
    lake.create("made", {"cells": SCHEMA, "others": SCHEMA})
    assert lake.read("made", "cells", {}).equals(ROWS)
    assert lake.read("made", "others", {}).equals(pl.DataFrame(schema=SCHEMA))


def test_the_height_of_a_part_is_its_number_of_rows(tmp_path):
    lake = Lake(tmp_path)
    lake.write("made", "cells", pl.concat([ROWS, ROWS]), "part.1")
    assert lake.height("made", "cells", "part.1") == 2


@pytest.mark.parametrize(("records", "expected"), [({"old": 1}, "1"), ({"new": 2}, "2"), ({"old": 1, "new": 2}, "2")])
def test_a_renamed_record_never_replaces_a_newer_one(tmp_path, records, expected):
    lake = Lake(tmp_path)
    for name, text in records.items():
        lake.write_record("made", f"{name}.json", str(text))
    lake.rename_record("made", "old.json", "new.json")
    assert lake.records("made") == ["new.json"]
    assert lake.read_record("made", "new.json") == expected


@pytest.fixture
def sample_lake(tmp_path):
    lake = Lake(tmp_path / "lake")
    lake.mark_as_sample()
    lake.write("made", "cells", ROWS)
    return lake


def test_a_lake_is_the_samples_once_it_is_marked_until_it_is_dropped(tmp_path, sample_lake):
    assert not Lake(tmp_path / "other").is_sample
    assert Lake(sample_lake.root).is_sample
    sample_lake.drop()
    assert not sample_lake.is_sample
    assert not sample_lake.has("made", "cells")
    assert [*tmp_path.iterdir()] == []


def test_a_lake_that_is_not_there_can_be_dropped(tmp_path):
    Lake(tmp_path / "lake").drop()
    assert [*tmp_path.iterdir()] == []


def test_a_run_killed_while_it_drops_a_lake_leaves_all_of_it_or_none(tmp_path, sample_lake, monkeypatch):
    def killed(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            sample_lake.drop()
    assert sample_lake.is_sample
    assert sample_lake.read("made", "cells", SCHEMA).equals(ROWS)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            sample_lake.drop()
    assert not sample_lake.root.exists()
    sample_lake.write("made", "cells", ROWS)
    sample_lake.drop()
    assert [*tmp_path.iterdir()] == []


def test_what_a_killed_run_left_of_a_dropped_lake_is_removed(tmp_path, sample_lake, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda path: None)
        sample_lake.drop()
    assert [path.name for path in tmp_path.iterdir()] == [".lake.dropped"]
    sample_lake.remove_dropped()
    assert [*tmp_path.iterdir()] == []


def test_a_full_disk_is_an_error_of_the_system_that_names_the_file(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise pl.exceptions.ComputeError("underlying IO error: No space left on device (os error 28)")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", refuse)
    with pytest.raises(OSError, match=r"No space left on device.*cells\.parquet"):
        Lake(tmp_path).write("made", "cells", ROWS)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_with_signs_of_a_pattern_has_its_own_files(tmp_path):
    for number, name in enumerate(("w*", "wx", "w[1]", "w1")):
        lake = Lake(tmp_path / name / "lake")
        lake.write("made", "cells", pl.DataFrame({"n": [number] * (number + 1)}))
        snapshot.take(lake, [("made", "cells")], tmp_path / name / "inputs")
    for number, name in enumerate(("w*", "wx", "w[1]", "w1")):
        assert Lake(tmp_path / name / "lake").height("made", "cells") == number + 1
        assert snapshot.rows(tmp_path / name / "inputs" / "made" / "cells" / "cells.parquet") == number + 1
