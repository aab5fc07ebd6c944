"""The archive on folders made by the tests: what is filed, what is found again, what is refused."""

import hashlib
import json
import os
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.archive import Archive, Capture, Served
from ingestion.errors import ArchiveDamaged

SEEN = datetime(2025, 11, 8, 12, 1, 2)
STEM = "20251108T120102Z"
URL = "https://publisher.example/page?x=1"


def served(content=b"a page", at=SEEN, url=URL):
    return Served(url, content, at)


def file_one(root, content=b"a page", at=SEEN, is_sample=False, **others):
    return Archive(root, is_sample).put("made", "page", served(content, at), "html", **others)


def stored(root):
    """Every file below `root` with its bytes."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def rewrite_meta(root, stem=STEM, **changes):
    path = root / "made" / "page" / f"{stem}.meta.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_bytes_are_filed_with_their_provenance_to_the_letter(tmp_path):
    capture = file_one(tmp_path, b"\x00\xff page\r\n", note="by hand")
    files = stored(tmp_path)
    assert set(files) == {f"made/page/{STEM}.html", f"made/page/{STEM}.meta.json"}
    assert files[f"made/page/{STEM}.html"] == b"\x00\xff page\r\n"
    meta = json.loads(files[f"made/page/{STEM}.meta.json"])
    assert list(meta.items()) == [
        ("source", "made"),
        ("resource", "page"),
        ("url", URL),
        ("fetched_at", "2025-11-08T12:01:02Z"),
        ("file", f"{STEM}.html"),
        ("bytes", 9),
        ("sha256", hashlib.sha256(b"\x00\xff page\r\n").hexdigest()),
        ("origin", "served"),
        ("note", "by hand"),
    ]
    assert Archive(tmp_path).captures("made") == ([capture], [])
    assert Archive(tmp_path).read(capture) == b"\x00\xff page\r\n"


def test_a_page_of_the_sample_says_so_in_one_field_more(tmp_path):
    capture = file_one(tmp_path, origin="reconstructed", is_sample=True)
    meta = json.loads(stored(tmp_path)[f"made/page/{STEM}.meta.json"])
    assert (meta["is_sample"], meta["origin"], len(meta)) == (True, "reconstructed", 10)
    assert Archive(tmp_path, is_sample=True).captures("made") == ([capture], [])


def test_captures_of_the_sample_and_all_others_are_found_apart(tmp_path):
    ours = file_one(tmp_path, b"ours")
    samples = file_one(tmp_path, b"the sample's", is_sample=True)
    assert Archive(tmp_path).captures("made") == ([ours], [])
    assert Archive(tmp_path, is_sample=True).captures("made") == ([samples], [])
    rewrite_meta(tmp_path, url=3)
    for is_sample in (True, False):
        _, [sentence] = Archive(tmp_path, is_sample).captures("made")
        assert f"{STEM}.meta.json" in sentence


@given(
    st.builds(
        Capture,
        fetched_at=st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(microsecond=0)),
    )
)
def test_provenance_comes_back_from_its_text(capture):
    assert Capture.from_json(capture.to_json()) == capture


def test_the_same_bytes_of_a_second_are_filed_once(tmp_path):
    first = file_one(tmp_path, at=SEEN.replace(microsecond=999_999))
    assert first.fetched_at == SEEN
    before = stored(tmp_path)
    assert file_one(tmp_path, note="again") == first
    assert stored(tmp_path) == before


def test_other_bytes_of_a_second_move_on_and_overwrite_nothing(tmp_path):
    contents = [b"one", b"two", b"three"]
    filed = [file_one(tmp_path, content) for content in contents]
    assert [capture.fetched_at for capture in filed] == [SEEN + timedelta(seconds=n) for n in range(3)]
    assert [capture.file for capture in filed] == [f"20251108T12010{n}Z.html" for n in (2, 3, 4)]
    assert [Archive(tmp_path).read(capture) for capture in filed] == contents
    before = stored(tmp_path)
    assert [file_one(tmp_path, content) for content in contents] == filed
    assert stored(tmp_path) == before


def test_a_second_is_taken_whatever_the_ending_of_its_file(tmp_path):
    file_one(tmp_path)
    assert Archive(tmp_path).put("made", "page", served(b"{}"), "json").file == "20251108T120103Z.json"


def test_a_record_that_cannot_be_read_is_not_overwritten(tmp_path):
    file_one(tmp_path)
    meta = tmp_path / "made" / "page" / f"{STEM}.meta.json"
    meta.write_text("{")
    before = stored(tmp_path)
    with pytest.raises(ArchiveDamaged, match=rf"made/page/{STEM}.meta.json is not a provenance record .*repair"):
        file_one(tmp_path, b"other")
    assert stored(tmp_path) == before


@pytest.mark.parametrize("ending", [".html", ".meta.json"])
def test_what_was_filed_by_half_does_not_exist(tmp_path, monkeypatch, ending):
    replace = os.replace

    def break_off(part, path):
        if str(path).endswith(ending):
            raise KeyboardInterrupt
        replace(part, path)

    monkeypatch.setattr(os, "replace", break_off)
    with pytest.raises(KeyboardInterrupt):
        file_one(tmp_path)
    assert Archive(tmp_path).captures("made") == ([], [])
    monkeypatch.undo()
    capture = file_one(tmp_path, b"later")
    assert capture.fetched_at == SEEN
    assert Archive(tmp_path).read(capture) == b"later"


def test_captures_leave_out_the_known_and_other_sources(tmp_path):
    first, second = file_one(tmp_path), file_one(tmp_path, b"two")
    other = Archive(tmp_path).put("made", "other", served(), "html")
    Archive(tmp_path).put("elsewhere", "page", served(), "html")
    found, damaged = Archive(tmp_path).captures("made", frozenset({("page", STEM)}))
    assert sorted(found, key=lambda capture: capture.resource) == [other, second]
    assert damaged == []
    assert first not in found
    assert Archive(tmp_path).captures("nowhere") == ([], [])


def test_a_stamp_of_another_zone_is_turned_into_utc(tmp_path):
    file_one(tmp_path)
    rewrite_meta(tmp_path, fetched_at="2025-11-08T07:01:02-05:00")
    ([capture], _) = Archive(tmp_path).captures("made")
    assert capture.fetched_at == SEEN


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "3", "null", "[]", '"text"', "{}", "[" * 100_000, "\udcff"),
        *('{"fetched_at": 3}', '{"fetched_at": "yesterday"}', '{"fetched_at": "2025-11-08T12:01:02Z"}'),
    ],
)
def test_what_is_no_provenance_is_named_and_hides_no_other(tmp_path, text):
    file_one(tmp_path)
    good = file_one(tmp_path, b"two")
    (tmp_path / "made" / "page" / f"{STEM}.meta.json").write_bytes(text.encode(errors="surrogateescape"))
    found, [sentence] = Archive(tmp_path).captures("made")
    assert found == [good]
    assert sentence.startswith(f"made/page/{STEM}.meta.json is not a provenance record (")
    assert sentence.endswith("): repair or remove it.")


@pytest.mark.parametrize(
    "change",
    [
        *({name: None} for name in ("source", "resource", "url", "fetched_at", "file", "bytes", "sha256", "origin")),
        *({"url": 3}, {"bytes": "6"}, {"note": None}, {"is_sample": "no"}, {"fetched_at": "2025-11-08T12:01:02"}),
        {"fetched_at": "0001-01-01T00:00:00+14:00"},
    ],
)
def test_a_field_of_another_kind_is_named(tmp_path, change):
    file_one(tmp_path)
    rewrite_meta(tmp_path, **change)
    found, [sentence] = Archive(tmp_path).captures("made")
    assert found == []
    assert "is not a provenance record" in sentence


@pytest.mark.parametrize(
    "change",
    [
        *({"file": name} for name in (f"../../{STEM}.html", f"/{STEM}.html", f"{STEM}./../../secret", "..", "")),
        *({"file": name} for name in ("20251108T120103Z.html", STEM, f"{STEM}.", f"other/{STEM}.html")),
        *({"source": "../made"}, {"source": "other"}, {"resource": "../page"}, {"resource": "other"}),
    ],
)
def test_provenance_leads_nowhere_else(tmp_path, change):
    file_one(tmp_path / "there")
    rewrite_meta(tmp_path / "there", **change)
    found, [sentence] = Archive(tmp_path / "there").captures("made")
    assert found == []
    assert sentence == f"made/page/{STEM}.meta.json describes another file than the one beside it: repair or remove it."
    assert list(Archive(tmp_path / "here").copy_from(Archive(tmp_path / "there"), "made")) == [sentence]
    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize("content", [b"", b"a pagE", b"a page "])
def test_bytes_that_were_changed_are_refused(tmp_path, content):
    capture = file_one(tmp_path)
    (tmp_path / "made" / "page" / capture.file).write_bytes(content)
    with pytest.raises(ArchiveDamaged) as refused:
        Archive(tmp_path).read(capture)
    assert str(refused.value) == (
        f"made/page/{STEM}.html does not have the sha256 of its meta.json ({len(content)} bytes, 6 expected):"
        " restore the file or remove both."
    )


def test_bytes_that_are_gone_are_refused(tmp_path):
    capture = file_one(tmp_path)
    (tmp_path / "made" / "page" / capture.file).unlink()
    with pytest.raises(ArchiveDamaged, match=rf"made/page/{STEM}.html is named by its meta.json .*: restore the file."):
        Archive(tmp_path).read(capture)


def test_copies_are_to_the_letter_and_made_once(tmp_path):
    there, here = tmp_path / "there", tmp_path / "here"
    file_one(there)
    file_one(there, b"two", is_sample=True)
    Archive(there).put("elsewhere", "page", served(), "html")
    rewrite_meta(there, wind="north")
    wanted = {name: content for name, content in stored(there).items() if name.startswith("made/")}
    assert list(Archive(here).copy_from(Archive(there), "made")) == []
    assert stored(here) == wanted
    (here / "made" / "page" / f"{STEM}.html").write_bytes(b"untouched")
    assert list(Archive(here).copy_from(Archive(there), "made")) == []
    assert stored(here) == wanted | {f"made/page/{STEM}.html": b"untouched"}


def test_a_capture_of_the_sample_gives_way_to_a_real_one_of_its_second(tmp_path):
    there, here = Archive(tmp_path / "there"), Archive(tmp_path / "here")
    file_one(here.root, b"sample", is_sample=True)
    real = file_one(there.root, b"a page")
    assert list(here.copy_from(there, "made")) == []
    assert (here.captures("made"), here.read(real)) == (([real], []), b"a page")
    file_one(tmp_path / "sample", b"sample", is_sample=True)
    (sentence,) = here.copy_from(Archive(tmp_path / "sample"), "made")
    assert "is filed here with other bytes of the same second" in sentence
    assert here.read(real) == b"a page"


def test_copying_goes_on_past_a_record_that_cannot_be_read(tmp_path):
    there, here = Archive(tmp_path / "there"), Archive(tmp_path / "here")
    file_one(there.root)
    good = file_one(there.root, b"two")
    (there.root / "made" / "page" / f"{STEM}.meta.json").write_text("{")
    (sentence,) = here.copy_from(there, "made")
    assert f"made/page/{STEM}.meta.json is not a provenance record" in sentence
    assert here.captures("made") == ([good], [])


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"x"), lambda path: path.unlink()])
def test_damage_over_there_is_copied_so_that_reading_names_it(tmp_path, damage):
    there, here = Archive(tmp_path / "there"), Archive(tmp_path / "here")
    capture = file_one(there.root)
    damage(there.root / "made" / "page" / capture.file)
    assert list(here.copy_from(there, "made")) == []
    assert here.captures("made") == ([capture], [])
    with pytest.raises(ArchiveDamaged):
        here.read(capture)


def test_other_bytes_of_a_second_that_is_taken_here_are_named_not_dropped(tmp_path):
    there, here = Archive(tmp_path / "there"), Archive(tmp_path / "here")
    file_one(there.root, b"theirs")
    file_one(here.root, b"ours")
    before = stored(here.root)
    assert list(here.copy_from(there, "made")) == [
        f"made/page/{STEM}.html is filed here with other bytes of the same second: replay in another home."
    ]
    assert stored(here.root) == before
