"""What is written outlives a kill and a loss of power: watched at the calls of the system, and tried on a disk."""

import errno
import os
import subprocess
import sys

import pytest
from synced_disk import Disk

from ingestion import durable


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch)


def test_files_and_the_folders_made_for_them_are_on_disk(disk, tmp_path):
    durable.write({tmp_path / "a" / "b" / name: name.encode() for name in ("x", "y", "z")})
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["x", "y", "z"]
    assert disk.unsynced(tmp_path) == []


def test_bytes_are_on_disk_before_they_get_their_name(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda opened: (done.append("fsync"), fsync(opened)))
    monkeypatch.setattr(os, "replace", lambda *names: (done.append("replace"), replace(*names)))
    durable.write({tmp_path / "x": b"1"})
    assert done == ["fsync", "replace", "fsync"]


def test_what_is_not_synced_is_once_it_is_asked_for(disk, tmp_path):
    durable.replace(tmp_path / "x", lambda part: part.write_bytes(b"1"), is_synced=False)
    assert disk.unsynced(tmp_path) == ["x"]
    durable.sync([tmp_path / "x"])
    assert disk.unsynced(tmp_path) == []


def test_a_tree_is_synced_to_its_leaves(disk, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x").write_bytes(b"1")
    durable.sync_tree(tmp_path)
    assert disk.unsynced(tmp_path) == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_an_error_names_the_file_and_leaves_the_old_one_alone(tmp_path, monkeypatch, call):
    durable.write({tmp_path / "x": b"old"})

    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(OSError, match=r"No space left on device.*x"):
        durable.write({tmp_path / "x": b"new"})
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x", b"old")]


KILLED = """
import os, sys
from pathlib import Path
from ingestion import durable
os.replace = lambda *_: os.kill(os.getpid(), 9)
durable.write({Path(sys.argv[1]) / "x": b"1"})
"""


def test_what_a_kill_leaves_is_gone_with_the_next_write_into_the_folder(tmp_path):
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=False)
    assert killed.returncode == -9
    assert len(list(tmp_path.iterdir())) == 1
    of_another = tmp_path / ".y.1.part"
    of_another.write_bytes(b"")
    durable.write({tmp_path / "z": b"2"})
    assert {path.name for path in tmp_path.iterdir()} == {"z", ".y.1.part"}


def test_a_folder_that_cannot_be_synced_is_no_failure(tmp_path, monkeypatch):
    fsync = os.fsync

    def refuse_folders(opened):
        if os.path.isdir(f"/proc/self/fd/{opened}"):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fsync(opened)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    durable.write({tmp_path / "x": b"1"})
    assert (tmp_path / "x").read_bytes() == b"1"


def test_a_link_takes_the_place_of_another_in_one_step(disk, tmp_path):
    for target in ("one", "two"):
        durable.link(tmp_path / "latest", target)
        assert os.readlink(tmp_path / "latest") == target
    assert [path.name for path in tmp_path.iterdir()] == ["latest"]
    assert disk.renamed == [tmp_path / "latest"] * 2
