"""Parts and their record: what counts, what does not, and what a killed run leaves behind."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from made_parts import SCHEMA, counted, opened, rows

from ingestion.errors import LakeDamaged, UsageError
from ingestion.lake.parts import Ledger, Record, counted_parts, digests, key_of, read_record
from ingestion.lake.tables import Lake


def on_disk(lake: Lake) -> list[int]:
    return sorted(n for part in lake.parts("made", "cells") for n in lake.read("made", "cells", SCHEMA, part)["n"])


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(tmp_path)


def test_a_part_counts_once_it_is_committed(lake):
    ledger = opened(lake)
    ledger.write("cells", "", rows(1))
    assert counted(lake) == []
    ledger.commit()
    assert counted(lake) == [1]


def test_what_was_not_committed_is_removed_by_the_next_writer(lake):
    ledger = opened(lake)
    ledger.write("cells", "", rows(1))
    ledger.commit()
    ledger.replace("cells", "", rows(2))
    assert on_disk(lake) == [1, 2]
    assert opened(lake).read("cells")["n"].to_list() == [1]
    assert on_disk(lake) == [1]


def test_no_part_that_counts_is_written_again_under_its_name(lake):
    for n in range(3):
        ledger = opened(lake)
        ledger.write("cells", "", rows(n))
        ledger.commit()
    assert counted(lake) == [0, 1, 2]


def test_parts_of_one_suffix_are_replaced_and_the_others_stay(lake):
    ledger = opened(lake)
    for suffix, number in (("-2024-01", 1), ("-2024-01", 2), ("-2024-02", 3)):
        ledger.write("cells", suffix, rows(number))
    ledger.replace("cells", "-2024-01", rows(4))
    ledger.commit()
    assert ledger.read("cells", "-2024-01")["n"].to_list() == [4]
    assert counted(lake) == on_disk(lake) == [3, 4]


def test_rows_join_a_part_that_has_room(lake):
    ledger = opened(lake)
    for numbers in ((1, 2), (3,), (4,), (5, 6)):
        ledger.merge("cells", "-2024-01", rows(*numbers), arrange=lambda each: each.sort("n"), max_rows=3)
    ledger.commit()
    assert counted(lake) == [1, 2, 3, 4, 5, 6]
    assert sorted(lake.height("made", "cells", part) for part in ledger.names("cells", "-2024-01")) == [3, 3]


def test_keys_of_one_source_do_not_touch_each_other(lake):
    one, other = opened(lake, "one"), opened(lake, "one-more")
    for ledger, number in ((one, 1), (other, 2)):
        ledger.write("cells", "", rows(number))
        ledger.commit()
    assert (counted(lake, "one"), counted(lake, "one-more"), on_disk(lake)) == ([1], [2], [1, 2])
    one.record.parts = {}
    one.commit()
    assert counted(lake, "one") == []
    assert counted(lake, "one-more") == on_disk(lake) == [2]


def test_parts_of_a_former_key_are_known_by_their_suffix(lake):
    former = opened(lake, "one")
    former.write("cells", "-2024-01", rows(1))
    former.commit()
    lake.rename_record("made", "one.json", "new-one.json")
    ledger = opened(lake, "new-one", former_key="one")
    ledger.replace("cells", "-2024-01", rows(2))
    ledger.commit()
    assert counted(lake, "new-one") == on_disk(lake) == [2]


def test_a_record_with_the_rows_of_its_parts_is_read(lake):
    ledger = opened(lake)
    ledger.write("cells", "", rows(1, 2))
    lake.write_record("made", "one.json", '{"generation": 1, "parts": {"cells": {"one.1": 2}}}')
    assert opened(lake).read("cells")["n"].to_list() == [1, 2]


def test_a_field_that_records_no_longer_have_is_left_out(lake):
    lake.write_record("made", "one.json", '{"generation": 7, "parts": {}, "is_sample": false}')
    assert read_record(lake, "made", "one", Record) == Record(generation=7)


@pytest.mark.parametrize(
    ("part", "key"),
    [
        ("ethereum.3", "ethereum"),
        ("ethereum-2024-05.3", "ethereum"),
        ("ethereum-tail.3", "ethereum"),
        ("ethereum-sepolia.3", "ethereum-sepolia"),
        ("ethereum-sepolia-2024-05.12", "ethereum-sepolia"),
        ("btc-main-unfolded.1", "btc-main"),
    ],
)
def test_the_key_of_a_part_is_told_from_its_suffix(part, key):
    assert key_of(part) == key


@pytest.mark.parametrize("key", ["ethereum-tail", "x-2024-05", "../x", "a.b", "", "-a", "reading", "a/b"])
def test_a_key_that_parts_could_not_be_told_by_is_refused(lake, key):
    with pytest.raises(UsageError, match="cannot be the name of a chain"):
        opened(lake, key)


def test_what_another_key_is_writing_is_left_alone(lake):
    """`one` is a beginning of `one-more`, whose first parts no record names yet."""
    one, other = opened(lake, "one"), opened(lake, "one-more")
    other.write("cells", "", rows(1))
    other.write("cells", "-2024-01", rows(2))
    one.write("cells", "", rows(3))
    one.commit()
    opened(lake, "one")
    assert on_disk(lake) == [1, 2, 3]
    other.commit()
    assert counted(lake, "one-more") == [1, 2]


def test_what_a_killed_run_was_writing_is_removed_by_the_next_writer(lake):
    opened(lake).write("cells", "", rows(1))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    halves = [lake.root / "made" / "cells" / f".one-2024-01.9.parquet.{process}.part" for process in (gone.pid, 1)]
    for half in halves:
        half.write_bytes(b"PAR1")
    opened(lake)
    assert [half.exists() for half in halves] == [False, True]


def test_the_parts_that_count_are_those_of_all_keys(lake):
    for key in ("one", "one-more"):
        ledger = opened(lake, key)
        ledger.write("cells", "", rows(1))
        ledger.commit()
        ledger.replace("cells", "", rows(2))
    lake.write_record("made", "one.reading.json", "{}")
    assert counted_parts(lake, "made", "cells") == ["one-more.1", "one.1"]


def flip_a_bit(path, at=40):
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)


USES: dict[str, Callable[[Ledger[Record]], object]] = {
    "read": lambda ledger: ledger.read("cells"),
    "merge": lambda ledger: ledger.merge("cells", "", rows(7), arrange=lambda rows: rows, max_rows=2000),
    "scan": lambda ledger: ledger.scan_part("cells", "one.1"),
}


@pytest.mark.parametrize("how", ["is gone", "is not what was written"])
@pytest.mark.parametrize("use", USES)
def test_a_part_that_is_not_as_it_was_written_is_never_made_into_another(lake, use, how):
    first = opened(lake)
    first.write("cells", "", rows(*range(1000)))
    first.commit()
    path = lake.path("made", "cells", "one.1")
    flip_a_bit(path) if how != "is gone" else path.unlink()
    before = lake.read_record("made", "one.json")
    ledger = opened(lake)
    with pytest.raises(LakeDamaged, match=rf"made/cells/one\.1\.parquet {how}.*: remove \S+/made/one\.json, then"):
        USES[use](ledger)
    assert lake.read_record("made", "one.json") == before


def test_a_record_of_before_digests_gets_them_with_the_next_commit(lake):
    ledger = opened(lake)
    ledger.write("cells", "", rows(1))
    ledger.record.digests.clear()
    lake.write_record("made", "one.json", '{"generation": 1, "parts": {"cells": {"one.1": 1}}}')
    again = opened(lake)
    assert again.read("cells").equals(rows(1))
    again.commit()
    assert digests(lake, "made") == {("cells", "one.1"): lake.digest("made", "cells", "one.1")}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"parts": 3}', '{"parts": {"cells": [1]}}'])
def test_a_record_that_cannot_be_read_is_named_and_never_counts_as_none(lake, text):
    ledger = opened(lake)
    ledger.write("cells", "", rows(1))
    ledger.commit()
    lake.write_record("made", "one.json", text)
    with pytest.raises(LakeDamaged, match=r"made/one\.json cannot be read: remove \S+/made/one\.json, then"):
        opened(lake)
    other = opened(lake, "other")
    other.write("cells", "", rows(2))
    other.commit()
    assert on_disk(lake) == [1, 2]
