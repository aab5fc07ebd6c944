"""Copies of the latest build: whole or not at all, nothing twice, and readers of the pointer never see half of one."""

import json
import os
import shutil
from datetime import timedelta

import duckdb
import pytest
import s3_server

from ingestion import object_store
from ingestion.digests import sha256
from ingestion.errors import UsageError
from orchestration.errors import CopyFailed, PublishedDamaged
from orchestration.publishing import published, targets
from orchestration.publishing.copy_build import SUMS, copy_latest


@pytest.fixture
def server(s3, monkeypatch):
    monkeypatch.setattr(object_store, "RETRIES", {"max_retries": 0})
    return s3


TO = f"s3://{s3_server.BUCKET}/public"


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_whole(files: dict[str, bytes], folder):
    """The files below a build's id are those of the published folder, and their sums."""
    sums = files.pop(SUMS).decode().splitlines()
    assert files == contents(folder)
    assert sums == [f"{sha256(folder / name)}  {name}" for name in sorted(files)]


def in_bucket(server, build_id):
    start = f"public/{build_id}/"
    return {name.removeprefix(start): body for name, body in server.files().items() if name.startswith(start)}


def test_a_folder_gets_the_build_and_then_the_pointer(home, publish_after, tmp_path):
    folder = publish_after(home)
    copied = copy_latest(home, tmp_path / "web", 7)
    assert published.pointed(tmp_path / "web") == tmp_path / "web" / folder.name
    assert_whole(contents(tmp_path / "web" / folder.name), folder)
    assert (copied.sent, copied.reused) == (len(contents(folder)), 0)
    with duckdb.connect(str(tmp_path / "web" / "latest" / "warehouse.duckdb"), read_only=True) as con:
        assert con.sql("select count(*) from marts.flows").fetchall() == [(2,)]


def test_a_bucket_gets_the_build_and_then_the_pointer(home, publish_after, server):
    folder = publish_after(home)
    copy_latest(home, TO, 7)
    sent = server.sent()
    assert sent[-2:] == [f"public/{folder.name}/{SUMS}", "public/latest.txt"]
    assert server.files()["public/latest.txt"].decode() == folder.name
    assert_whole(in_bucket(server, folder.name), folder)


def test_what_is_there_is_not_sent_again(home, publish_after, server, tmp_path):
    folder = publish_after(home)
    for target in (TO, tmp_path / "web"):
        copy_latest(home, target, 7)
        server.sent()
        again = copy_latest(home, target, 7)
        assert (again.sent, again.reused) == (0, len(contents(folder)))
    assert server.sent() == []


def test_marts_that_did_not_change_are_taken_from_the_build_before(home, publish_after, server, tmp_path):
    publish_after(home)
    for target in (TO, tmp_path / "web"):
        copy_latest(home, target, 7)
    folder = publish_after(home, timedelta(hours=1))
    for target in (TO, tmp_path / "web"):
        assert copy_latest(home, target, 7).reused >= len(list(folder.glob("parquet/*")))
    assert_whole(in_bucket(server, folder.name), folder)
    assert_whole(contents(tmp_path / "web" / folder.name), folder)


def test_a_file_that_changed_at_the_target_is_sent_again(home, publish_after, server, tmp_path):
    folder = publish_after(home)
    for target in (TO, tmp_path / "web"):
        copy_latest(home, target, 7)
    size = (folder / "manifest.json").stat().st_size
    (tmp_path / "web" / folder.name / "manifest.json").write_bytes(b" " * size)
    server.objects().Object(f"public/{folder.name}/manifest.json").put(Body=b" " * size)
    for target in (TO, tmp_path / "web"):
        assert copy_latest(home, target, 7).sent == 1
    assert_whole(in_bucket(server, folder.name), folder)
    assert_whole(contents(tmp_path / "web" / folder.name), folder)


def test_a_rotten_file_of_the_build_before_is_not_taken_from_there(home, publish_after, tmp_path):
    first = publish_after(home)
    copy_latest(home, tmp_path / "web", 7)
    for file in (tmp_path / "web" / first.name / "parquet").iterdir():
        file.write_bytes(b"rotten")
    folder = publish_after(home, timedelta(hours=1))
    copy_latest(home, tmp_path / "web", 7)
    assert_whole(contents(tmp_path / "web" / folder.name), folder)


@pytest.mark.parametrize("number", range(12))
def test_whichever_request_fails_the_pointer_names_a_whole_build(home, publish_after, server, number):
    first = publish_after(home)
    copy_latest(home, TO, 7)
    before = in_bucket(server, first.name)
    second = publish_after(home, timedelta(hours=1))
    seen = iter(range(1000))
    server.fails = lambda method, path: next(seen) >= number
    with pytest.raises(CopyFailed, match="answered 500: check AWS_ENDPOINT_URL"):
        copy_latest(home, TO, 7)
    server.fails = lambda method, path: False
    assert server.files()["public/latest.txt"].decode() == first.name
    assert in_bucket(server, first.name) == before
    copy_latest(home, TO, 7)
    assert server.files()["public/latest.txt"].decode() == second.name
    assert_whole(in_bucket(server, second.name), second)


def test_an_interrupted_copy_goes_on_from_where_it_was(home, publish_after, server):
    folder = publish_after(home)
    server.fails = lambda method, path: method == "PUT" and path.endswith("latest.txt")
    with pytest.raises(CopyFailed):
        copy_latest(home, TO, 7)
    assert "public/latest.txt" not in server.files()
    server.fails = lambda method, path: False
    assert copy_latest(home, TO, 7).sent == 0
    assert server.files()["public/latest.txt"].decode() == folder.name


def test_a_full_disk_leaves_the_pointer_of_a_folder(home, publish_after, tmp_path, monkeypatch):
    first = publish_after(home)
    copy_latest(home, tmp_path / "web", 7)
    publish_after(home, timedelta(hours=1))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(CopyFailed, match=r"web cannot be written \(No space left on device\)"):
        copy_latest(home, tmp_path / "web", 7)
    assert published.pointed(tmp_path / "web").name == first.name


def test_old_builds_go_but_for_the_one_that_readers_may_be_in(home, publish_after, server, tmp_path):
    (tmp_path / "web" / "0-mine").mkdir(parents=True)
    names = []
    for hour in range(4):
        names.append(publish_after(home, timedelta(hours=hour)).name)
        for target in (TO, tmp_path / "web"):
            copy_latest(home, target, 1)
    there = {name.split("/")[1] for name in server.files()}
    assert there == {*names[-2:], "latest.txt"}
    assert {path.name for path in (tmp_path / "web").iterdir()} == {*names[-2:], "latest", "0-mine"}


def test_a_file_that_is_not_as_it_was_published_goes_nowhere(home, publish_after, tmp_path):
    folder = publish_after(home)
    next((folder / "parquet").iterdir()).write_bytes(b"rotten")
    with pytest.raises(PublishedDamaged, match="is not as it was published: run `flowhouse build --full`"):
        copy_latest(home, tmp_path / "web", 7)
    assert not (tmp_path / "web").exists()


def test_a_build_that_goes_while_it_is_copied_is_one_sentence(home, publish_after, tmp_path, monkeypatch):
    folder = publish_after(home)
    monkeypatch.setattr(targets.Folder, "digest", lambda *_: shutil.rmtree(folder, ignore_errors=True))
    with pytest.raises(CopyFailed, match=rf"{folder.name} cannot be read \(No such file or directory\)"):
        copy_latest(home, tmp_path / "web", 7)
    assert published.pointed(tmp_path / "web") is None


def test_a_home_without_a_build_has_nothing_to_copy(home, tmp_path):
    with pytest.raises(UsageError, match="run `flowhouse build` first"):
        copy_latest(home, tmp_path / "web", 7)


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        ("", "The target is empty: name a folder, or s3://bucket/prefix (or gs://, az://)."),
        ("https://example.org/x", "is no address of a store: write one such as s3://bucket/prefix (or gs://, az://)."),
        ("gs://", "which is no bucket with a prefix"),
        ("s3://", "which is no bucket with a prefix"),
        ("s3:///prefix", "which is no bucket with a prefix"),
        ("s3://Bucket_1/x", "which is no bucket with a prefix"),
        ("s3://bucket//x", "which is no bucket with a prefix"),
        ("s3://bucket/../x", "which is no bucket with a prefix"),
        ("s3://AKIA:secret-of-the-bucket@bucket/x", "The target holds a key: write s3://bucket/prefix"),
        ("s3://bucket/x?key=secret-of-the-bucket", "The target holds a key: write s3://bucket/prefix"),
    ],
)
def test_a_bad_target_is_one_sentence(home, publish_after, to, sentence):
    publish_after(home)
    with pytest.raises(UsageError) as error:
        copy_latest(home, to, 7)
    assert sentence in str(error.value)
    assert "secret" not in str(error.value)


def test_a_target_is_a_folder_outside_the_home(home, publish_after, tmp_path):
    publish_after(home)
    os.symlink(home.root, tmp_path / "link")
    for inside in (home.root, home.published / "web", tmp_path / "link" / "web"):
        with pytest.raises(UsageError, match="is inside the home: name a folder outside it"):
            copy_latest(home, inside, 7)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is not a folder: name another"):
        copy_latest(home, tmp_path / "file", 7)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("403 Forbidden", "refuses these keys: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION."),
        ("401 Unauthorized", "refuses these keys"),
        ("404 Not Found", "is not there: create the bucket, or check its name and region."),
        ("503 Slow Down", "answered 503: check AWS_ENDPOINT_URL, AWS_REGION and the network."),
    ],
)
def test_an_answer_of_the_server_is_one_sentence_without_keys(home, publish_after, server, status, sentence):
    publish_after(home)
    server.fails, server.status = lambda method, path: True, status
    with pytest.raises(CopyFailed) as error:
        copy_latest(home, TO, 7)
    assert sentence in str(error.value)
    assert not [each for each in ("AKIAEXAMPLE", "secret", "127.0.0.1") if each in str(error.value)]


def test_keys_that_are_missing_are_one_sentence(home, publish_after, server, monkeypatch):
    publish_after(home)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"{server.address}/{object_store.INSTANCE}")
    server.fails = lambda method, path: True
    with pytest.raises(CopyFailed) as error:
        copy_latest(home, TO, 7)
    assert str(error.value) == f"There are no keys for {TO}: set {object_store.PROVIDERS['s3'].keys}."


def test_a_server_that_is_not_there_is_one_sentence(home, publish_after, server, monkeypatch):
    publish_after(home)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:secret-of-the-bucket@127.0.0.1:1")
    with pytest.raises(CopyFailed) as error:
        copy_latest(home, TO, 7)
    assert str(error.value) == f"{TO} could not be reached: check AWS_ENDPOINT_URL, AWS_REGION and the network."


def test_the_manifest_of_the_copy_is_the_builds(home, publish_after, tmp_path):
    folder = publish_after(home)
    copy_latest(home, tmp_path / "web", 7)
    manifest = json.loads((tmp_path / "web" / "latest" / "manifest.json").read_text())
    assert manifest["build_id"] == folder.name == published.pointed(tmp_path / "web").name
