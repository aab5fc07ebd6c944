"""A lake on a store: the same as in a folder, whatever the server answers, and of two writers never half of each."""

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path

import polars as pl
import pytest
import s3_server
from made_parts import SCHEMA, counted, opened, rows

from ingestion import object_store
from ingestion.errors import LakeOvertaken, StoreFailed
from ingestion.lake import journal, lease, object_files, snapshot
from ingestion.lake.files import Files, LocalFiles, LockTaken
from ingestion.lake.object_files import ObjectFiles
from ingestion.lake.tables import Lake

URL = f"s3://{s3_server.BUCKET}/lake"
RETRIES = {
    "max_retries": 2,
    "backoff": {"init_backoff": timedelta(milliseconds=1), "max_backoff": timedelta(milliseconds=5), "base": 2},
}
RECORD, PART = "lake/made/one.json", "lake/made/cells/"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Locks expire within the test; a server that fails is not asked for long."""
    monkeypatch.setattr(lease, "SECONDS", 1.5)
    monkeypatch.setattr(lease, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(object_store, "RETRIES", RETRIES)
    monkeypatch.setattr(object_files, "LOCK_RETRIES", RETRIES)


def machine(tmp_path: Path, name: str = "one") -> ObjectFiles:
    """The files as a machine of its own has them."""
    return ObjectFiles(URL, tmp_path / name)


@pytest.fixture(params=["folder", "store"])
def files(request, tmp_path) -> Files:
    if request.param == "folder":
        return LocalFiles(tmp_path / "lake")
    request.getfixturevalue("s3")
    return machine(tmp_path)


@pytest.fixture
def lake(s3, tmp_path) -> Lake:
    return Lake(machine(tmp_path))


def commit(lake: Lake, *numbers: int) -> None:
    """Put rows in place of all."""
    with lake.files.lock("one", 0):
        ledger = opened(lake)
        ledger.replace("cells", "", rows(*numbers))
        ledger.commit()


def test_files_of_a_folder_and_of_a_store_behave_alike(files):
    assert (files.read("a/x.json"), files.local("a/b/c.parquet"), files.names("a"), files.walk()) == (
        None,
        None,
        [],
        [],
    )
    files.write("a/x.json", b"old")
    files.write("a/x.json", b"new")
    files.replace("a/b/c.parquet", lambda path: path.write_bytes(b"whole"))
    files.replace("a/b/d.1.parquet", lambda path: path.write_bytes(b"part"), is_synced=False)
    files.sync(["a/b/d.1.parquet"])
    assert files.read("a/x.json") == b"new"
    assert files.exists("a/b/c.parquet")
    assert files.local("a/b/d.1.parquet").read_bytes() == b"part"
    assert [path.read_bytes() for path in files.copies(["a/b/c.parquet"]).values()] == [b"whole"]
    assert (files.names("a"), files.names("a/b")) == (["x.json"], ["c.parquet", "d.1.parquet"])
    files.rename("a/x.json", "a/y.json")
    files.rename("a/none.json", "a/z.json")
    files.remove(["a/b/d.1.parquet", "a/none"])
    assert files.walk() == ["a/b/c.parquet", "a/y.json"]
    files.drop()
    assert files.walk() == []
    assert files.local("a/b/c.parquet") is None


def test_what_another_machine_replaced_is_fetched_and_what_is_as_it_was_is_not(s3, tmp_path):
    here, there = machine(tmp_path), machine(tmp_path, "two")
    here.replace("a/b/c.parquet", lambda path: path.write_bytes(b"old"))
    s3.requests.clear()
    assert here.local("a/b/c.parquet").read_bytes() == b"old"
    assert [method for method, _ in s3.requests] == ["HEAD"]
    there.replace("a/b/c.parquet", lambda path: path.write_bytes(b"new"))
    assert here.local("a/b/c.parquet").read_bytes() == b"new"


def test_a_large_file_comes_in_pieces_of_one_version(s3, tmp_path, monkeypatch):
    monkeypatch.setattr(object_files, "PIECE", 1000)
    content = bytes(range(256)) * 10
    machine(tmp_path).replace("a/b/c.parquet", lambda path: path.write_bytes(content))
    here, other = machine(tmp_path, "two"), machine(tmp_path, "three")
    is_second = s3_server.at(1, "GET")

    def replaced(method, path):
        if is_second(method, path):
            other.replace("a/b/c.parquet", lambda path: path.write_bytes(content[::-1]))
        return False

    s3.fails = replaced
    assert here.local("a/b/c.parquet").read_bytes() == content[::-1]


def test_old_copies_go_once_nobody_has_read_them_for_a_while(s3, tmp_path, monkeypatch):
    files = machine(tmp_path)
    for content in (b"old", b"new"):
        files.replace("a/b/c.parquet", lambda path, content=content: path.write_bytes(content))
    files.replace("a/b/d.parquet", lambda path: path.write_bytes(b"gone"))
    s3.objects().Object("lake/a/b/d.parquet").delete()
    files.tidy()
    assert len([*(tmp_path / "one").rglob("*.parquet")]) == 2 + 3  # folders and files
    monkeypatch.setattr(object_files, "KEPT_SECONDS", -1.0)
    files.tidy()
    assert [path.read_bytes() for path in (tmp_path / "one").rglob("*.parquet") if path.is_file()] == [b"new"]


def test_a_server_that_fails_once_is_asked_again(lake, s3):
    for number in range(8):
        s3.fails = s3_server.at(number)
        s3.status = ("500 Internal Server Error", "503 Slow Down")[number % 2]
        commit(lake, number)
        assert counted(lake) == [number]


def test_a_put_of_which_the_answer_was_lost_has_taken_effect_once(lake, s3):
    for number in range(4):  # the lock, the part, the record, and the lock's release
        s3.loses = s3_server.at(number, "PUT")
        commit(lake, number)
        s3.loses = s3_server.never
        assert counted(lake) == [number]


def test_a_server_that_answers_too_late_is_one_sentence_and_nothing_counts(lake, s3, tmp_path, monkeypatch):
    commit(lake, 1)
    monkeypatch.setattr(object_store, "CLIENT", {"allow_http": True, "timeout": timedelta(seconds=0.5)})
    slow = Lake(machine(tmp_path, "two"))
    s3.fails = lambda method, path: method == "PUT" and path == RECORD and not time.sleep(0.7)
    with pytest.raises(StoreFailed, match=f"{URL} could not be reached: check AWS_ENDPOINT_URL"):
        commit(slow, 2)
    s3.fails = s3_server.never
    assert counted(lake) == [1]


def from_request(number: int) -> Callable[[str, str], bool]:
    """Every request fails from the one of that number on."""
    seen = count()
    return lambda method, path: next(seen) >= number


def test_whichever_request_fails_for_good_all_of_a_commit_counts_or_nothing(lake, s3):
    for number in count():
        commit(lake, 1)
        s3.fails = from_request(number)
        with suppress(StoreFailed):
            commit(lake, 2)
        all_asked, s3.fails = s3.fails("", ""), s3_server.never
        assert counted(lake) in ([1], [2])
        s3.objects().Object("lake/_locks/one").delete()  # else it has to expire
        if not all_asked:
            break
    assert counted(lake) == [2]
    assert number > 8


def test_of_two_writers_one_waits_for_the_other(s3, tmp_path):
    here, there = Lake(machine(tmp_path)), Lake(machine(tmp_path, "two"))
    with here.files.lock("one", 0):
        time.sleep(2 * lease.SECONDS)  # it is renewed
        with pytest.raises(LockTaken) as taken:
            commit(there, 2)
        assert taken.value.host
        assert there.files.locked() == {"one"}
        commit(here, 1)
    assert there.files.locked() == set()
    commit(there, 1, 2)
    assert counted(here) == [1, 2]


@pytest.mark.parametrize("is_asleep", [True, False], ids=["sleeps", "has another clock"])
def test_a_writer_who_lost_the_lock_changes_nothing(s3, tmp_path, monkeypatch, is_asleep):
    here, there = Lake(machine(tmp_path)), Lake(machine(tmp_path, "two"))
    commit(here, 1)
    with here.files.lock("one", 0):
        ledger = opened(here)
        held = here.files._thread.sessions[-1].lease
        if is_asleep:  # and its clock stood still
            held._ended.set()
            held._thread.join()
            held._valid_until += 1000
            time.sleep(lease.SECONDS)
            commit(there, 2)
        else:
            with monkeypatch.context() as patch:
                patch.setattr(lease._Found, "is_held", False)
                commit(there, 2)
        before = stored(s3)
        sentence = rf"Another machine has written to {URL} meanwhile: run this again"
        with pytest.raises(LakeOvertaken, match=sentence):  # noqa: PT012
            ledger.replace("cells", "", rows(3))
            ledger.commit()
        assert before.items() <= stored(s3).items()
    assert counted(here) == counted(there) == [2]


def test_who_knows_that_its_lock_has_expired_puts_and_removes_nothing(s3, tmp_path):
    here = Lake(machine(tmp_path))
    with here.files.lock("one", 0):
        ledger = opened(here)
        ledger.write("cells", "", rows(1))
        s3.fails = lambda method, path: path.startswith("lake/_locks")
        time.sleep(1.5 * lease.SECONDS)
        s3.requests.clear()
        for write in (
            ledger.commit,
            lambda: ledger.write("cells", "", rows(2)),
            lambda: here.files.remove(["made/cells/x.parquet"]),
            here.drop,
        ):
            with pytest.raises(LakeOvertaken):
                write()
        assert not [path for method, path in s3.requests if method != "GET" and "_locks" not in path and "x." in path]
        s3.fails = s3_server.never
    assert [name for name in s3.files() if name.startswith(RECORD)] == []


KILLED = """
import os, signal, sys
sys.path[:0] = sys.argv[3:]
from pathlib import Path
from ingestion.lake import lease
from ingestion.lake.object_files import ObjectFiles
from ingestion.lake.tables import Lake
from made_parts import opened, rows
lease.SECONDS = 1.5
lake = Lake(ObjectFiles(sys.argv[1], Path(sys.argv[2])))
with lake.files.lock("one", 0):
    ledger = opened(lake)
    ledger.replace("cells", "", rows(2))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_writer_killed_between_parts_and_record_leaves_what_was_there(lake, s3, tmp_path):
    commit(lake, 1)
    arguments = [URL, tmp_path / "killed", Path(__file__).parent]
    assert subprocess.run([sys.executable, "-c", KILLED, *arguments]).returncode == -9
    assert len([name for name in s3.files() if name.startswith(PART)]) == 2
    assert counted(lake) == [1]
    with pytest.raises(LockTaken):
        commit(lake, 3)
    time.sleep(lease.SECONDS)
    commit(lake, 3)
    assert counted(lake) == [3]
    assert len([name for name in s3.files() if name.startswith(PART)]) == 1


def test_a_lock_that_cannot_be_read_is_free(lake, s3):
    s3.objects().Object("lake/_locks/one").put(Body=b"rot")
    commit(lake, 1)
    assert counted(lake) == [1]


def test_a_thread_takes_its_lock_again_and_keeps_it_until_the_end(lake):
    with lake.files.lock("one", 0):
        with lake.files.lock("one", 0):
            pass
        assert lake.files.locked() == {"one"}
    assert lake.files.locked() == set()


def stored(s3: s3_server.Server) -> dict[str, bytes]:
    """Every object but the locks."""
    return {name: body for name, body in s3.files().items() if "_locks" not in name}


def test_a_run_killed_while_it_drops_a_lake_leaves_all_or_what_the_next_removes(lake, s3):
    lake.mark_as_sample()
    commit(lake, 1)
    whole = stored(s3)
    for number in range(6):
        for name, body in whole.items():
            s3.objects().Object(name).put(Body=body)
        s3.fails = from_request(number)
        with suppress(StoreFailed):
            lake.drop()
        s3.fails = s3_server.never
        left = stored(s3)
        assert left == whole or "lake/dropped.txt" in left or not left
        lake.remove_dropped()
        assert stored(s3) == ({} if left != whole else whole)
    lake.drop()
    assert stored(s3) == {}


def test_tables_of_a_source_that_a_killed_run_left_of_two_times_are_recognised(lake, s3):
    names = ("cells", "log")
    with lake.files.lock("one", 0):
        journal.write(lake, "made", {name: rows(0) for name in names}, journal.check(lake, "made", names))
        for number in range(10):
            stands = journal.check(lake, "made", names)
            s3.fails = from_request(number)
            with suppress(StoreFailed):
                journal.write(lake, "made", {name: rows(number + 1) for name in names}, stands)
            s3.fails = s3_server.never
            found = journal.check(lake, "made", names)
            assert not found.damages
            journal.write(lake, "made", {name: rows(number + 1) for name in names}, found)
            assert journal.check(lake, "made", names).is_sound


def test_a_snapshot_fetches_what_changed_and_has_what_counts(lake, s3, tmp_path):
    commit(lake, 1)
    lake.write("made", "whole", rows(7))
    other = Lake(machine(tmp_path, "two"))
    tables = [("made", "cells"), ("made", "whole"), ("made", "none")]
    snapshot.fetch(other, tables)
    s3.requests.clear()
    snapshot.take(other, tables, tmp_path / "inputs")
    assert not [path for method, path in s3.requests if method == "GET" and path.endswith(".parquet")]
    first = {
        path.parent.name: pl.read_parquet(path)["n"].to_list() for path in (tmp_path / "inputs").rglob("*.parquet")
    }
    assert first == {"cells": [1], "whole": [7]}
    commit(lake, 2)
    digests = snapshot.take(other, tables, tmp_path / "inputs")
    (part,) = (tmp_path / "inputs" / "made" / "cells").iterdir()
    assert pl.read_parquet(part, schema=SCHEMA)["n"].to_list() == [2]
    assert digests == {f"made/cells/{part.name}": hashlib.sha256(part.read_bytes()).hexdigest()}


def test_a_store_that_cannot_be_reached_is_one_sentence_without_keys(tmp_path, s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:secret-of-the-bucket@127.0.0.1:1")
    with pytest.raises(StoreFailed) as error:
        commit(Lake(machine(tmp_path)), 1)
    assert str(error.value) == f"{URL} could not be reached: check AWS_ENDPOINT_URL, AWS_REGION and the network."
