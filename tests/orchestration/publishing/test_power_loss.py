"""What is stored and published outlives a loss of power: by the calls of the system, and on a disk of its own."""

import os
import shutil
import subprocess
from contextlib import contextmanager

import pytest
from synced_disk import Disk

from ingestion import registry
from orchestration import gather
from orchestration.ingest_mode import Sample

KEPT = ("archive", "lake", "published")
MEGABYTES = 256


def fill(home, publish_after):
    """What a build of the sample stores, and what it publishes, twice."""
    gather.update_chain(home, Sample())
    gather.update_tokens(home, Sample())
    for source in registry.sources():
        gather.update(source, home, Sample())
    gather.update_definitions(home)
    gather.update_sessions(home)
    home.write_state("current/built.json", {"rows": {}})
    for _ in range(2):
        publish_after(home)


def contents(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for folder in KEPT
        for path in (root / folder).rglob("*")
        if path.is_file()
    }


def test_every_file_and_every_name_is_on_disk_before_it_counts(home, publish_after, monkeypatch):
    disk = Disk(monkeypatch)
    fill(home, publish_after)
    assert len(disk.renamed) > 100
    assert disk.early == []
    for folder in KEPT:
        assert disk.unsynced(home.root / folder) == []
    assert "current/built.json" not in disk.unsynced(home.root / "build")


@contextmanager
def mounted(image, folder):
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def own_disk(tmp_path):
    """A disk of its own at `home`, in a file; its image is what a loss of power leaves of it."""
    if os.geteuid() or not shutil.which("mkfs.ext4"):
        pytest.skip("only root may mount a disk of its own, made by mkfs.ext4")
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(MEGABYTES * 1024**2)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    try:
        with mounted(image, tmp_path / "home"):
            yield image
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no disk of its own can be mounted here: {error.stderr.decode().strip()}")


def test_a_loss_of_power_leaves_what_was_stored_and_published(own_disk, home, publish_after, tmp_path):
    fill(home, publish_after)
    (home.root / "archive" / "not synced").write_bytes(b"1" * 100)
    after = shutil.copyfile(own_disk, tmp_path / "after.img")
    expected = contents(home.root)
    with mounted(after, tmp_path / "after") as root:
        found = contents(root)
        assert found.pop("archive/not synced", b"") != expected.pop("archive/not synced")
        assert {name for name in expected if found.get(name) != expected[name]} == set()
        assert (root / "published" / "latest" / "manifest.json").is_file()
