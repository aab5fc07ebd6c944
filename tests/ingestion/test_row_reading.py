"""Reading captures of a made row source, whose pages are JSON: [[name, day, number or null, text], ...]."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from ingestion import captures, decisions, row_reading
from ingestion.archive import Archive, Served
from ingestion.decisions import Decision
from ingestion.errors import PageRefused
from ingestion.lake import parts
from ingestion.lake.observations import CAPTURES, read_log
from ingestion.lake.tables import Lake
from ingestion.refresh import refresh
from ingestion.source import RowSource

START, NOW = datetime(2025, 12, 1), datetime(2025, 12, 2)


def parse(content):
    if content == b"challenge":
        raise PageRefused("a challenge page: look at it.")
    return json.loads(content)


def frame(rows, resource):
    schema = {"name": pl.String, "value_date": pl.Date, "figure": pl.Float64, "note": pl.String}
    cells = [(f"{resource}{name}", date.fromisoformat(day) if day else None, *rest) for name, day, *rest in rows]
    return pl.DataFrame(cells, schema=schema, orient="row")


SOURCE = RowSource(
    name="made",
    table="rows",
    description="A made source.",
    terms="None.",
    ext="json",
    key={"name": pl.String(), "value_date": pl.Date()},
    values={"figure": pl.Float64(), "note": pl.String()},
    newest="same_day",
    resources=("p", "q"),
    fetch=lambda *_: iter(()),
    parse=parse,
    frame=frame,
)


class Home:
    def __init__(self, root):
        self.archive, self.lake = Archive(root / "archive"), Lake(root / "lake")

    def put(self, minute, *rows, resource="p", content=None):
        served = Served("https://p.example", content or json.dumps(rows).encode(), START + timedelta(minutes=minute))
        return self.archive.put("made", resource, served, "json")

    def read(self, source=SOURCE):
        return refresh(source, self.archive, self.lake, "replay", NOW)

    @property
    def rows(self):
        """(minute, name, month and day, figure, note) of every observation that counts."""
        return self.rows_of("")

    def rows_of(self, resource):
        names = [name for name in parts.counted_parts(self.lake, "made", "rows") if name.startswith(resource)]
        rows = pl.concat([self.lake.read("made", "rows", SOURCE.schema, name) for name in (None, *names)])
        return [
            ((row["observed_at"] - START) // timedelta(minutes=1), row["name"], f"{row['value_date']:%m-%d}", *values)
            for row in rows.sort("name", "value_date", "observed_at").iter_rows(named=True)
            if (values := (row["figure"], row["note"]))
        ]

    def path(self, capture, ending=".json"):
        return self.archive.root / "made" / capture.resource / (capture.file.removesuffix(".json") + ending)


@pytest.fixture
def home(tmp_path):
    """A home that read two months of p and one of q; a figure of p was corrected."""
    home = Home(tmp_path)
    home.put(1, ("a", "2025-10-31", 1.0, None), ("a", "2025-11-01", 2.0, None))
    home.put(2, ("a", "2025-11-01", 3.0, None), ("b", "2025-11-01", None, "x"))
    home.put(3, ("a", "2025-11-05", 5.0, None), resource="q")
    home.read()
    return home


ROWS = [
    (1, "pa", "10-31", 1.0, None),
    (1, "pa", "11-01", 2.0, None),
    (2, "pa", "11-01", 3.0, None),
    (2, "pb", "11-01", None, "x"),
    (3, "qa", "11-05", 5.0, None),
]


def test_a_row_is_kept_once_per_change_of_any_value(home):
    assert home.rows == ROWS
    assert home.lake.read("made", "rows", {}).schema == SOURCE.schema
    home.put(4, ("a", "2025-11-01", 3.0, None), ("b", "2025-11-01", None, "y"), ("c", "2025-11-01", None, None))
    assert (home.read().captures, home.read().captures) == (1, 0)
    assert home.rows == [*ROWS[:4], (4, "pb", "11-01", None, "y"), (4, "pc", "11-01", None, None), ROWS[4]]


def test_parts_are_of_one_resource_and_month_and_only_changed_ones_are_written(home):
    before = set(parts.counted_parts(home.lake, "made", "rows"))
    assert {name.rsplit(".", 1)[0] for name in before} == {"p-2025-10", "p-2025-11", "q-2025-11"}
    home.put(4, ("a", "2025-11-02", 1.0, None))
    home.read()
    assert {name.rsplit(".", 1)[0] for name in before ^ set(parts.counted_parts(home.lake, "made", "rows"))} == {
        "p-2025-11"
    }


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("pq"), st.sampled_from("ab"), st.integers(1, 3), st.integers(0, 2)), max_size=9),
    st.randoms(use_true_random=False),
    st.integers(0, 3),
)
def test_rows_do_not_depend_on_when_captures_arrive_nor_on_how_many_are_held_in_memory(pages, random, limit):
    with TemporaryDirectory() as one, TemporaryDirectory() as other, pytest.MonkeyPatch.context() as patch:
        at_once, piecewise = Home(Path(one)), Home(Path(other))
        order = list(enumerate(pages))
        for minute, (resource, name, day, figure) in order:
            at_once.put(minute, (name, f"2025-1{day % 2}-0{day}", float(figure), None), resource=resource)
        at_once.read()
        random.shuffle(order)
        patch.setattr(row_reading, "GATHERED_ROWS", limit)
        for minute, (resource, name, day, figure) in order:
            piecewise.put(minute, (name, f"2025-1{day % 2}-0{day}", float(figure), None), resource=resource)
            piecewise.read()
        assert at_once.rows == piecewise.rows
        assert_frame_equal(read_log(at_once.lake, "made"), read_log(piecewise.lake, "made"), check_row_order=False)


def test_a_page_that_is_refused_changes_nothing_and_is_tried_again(home):
    for content, why in (
        (b"challenge", "a challenge page"),
        (b"[]", "it has no figure"),
        (json.dumps([("a", None, 1.0, None)]).encode(), "a row whose key is not whole"),
        (b'[["a", "2025-11-01", NaN, null]]', "it has the figure nan (pa 2025-11-01), where none comes to 1e+15"),
        (b'[["a", "2025-11-01", -Infinity, null]]', "it has the figure -inf (pa 2025-11-01),"),
        (b'[["a", "2025-13-01", 1.0, null]]', "it has what cannot be read (ValueError: month must be in 1..12)"),
        (b"[" * 100_000, "it has what cannot be read (RecursionError: "),
        (json.dumps([("a", "2025-11-01", 1.0, None)] * 2).encode(), "it has two rows of pa 2025-11-01"),
        (json.dumps([("a", "2026-01-01", 1.0, None)]).encode(), "later than 2025-12-01"),
    ):
        capture = home.put(4, content=content)
        assert why in home.read().failures[0]
        assert home.rows == ROWS
        home.path(capture).unlink()
        home.path(capture, ".meta.json").unlink()
    capture = home.put(4, content=b"challenge")
    home.read()
    learned = replace(SOURCE, parse=lambda _: [("a", "2025-11-09", 9.0, None)])
    assert home.read(learned).failures == ()
    assert (4, "pa", "11-09", 9.0, None) in home.rows
    assert capture.file in set(read_log(home.lake, "made").filter(verdict="read")["file"])


def test_a_key_that_is_blank_is_none():
    named = replace(SOURCE, frame=lambda rows, _: frame(rows, ""))
    with pytest.raises(PageRefused, match="whose key is not whole"):
        named.read(json.dumps([("", "2025-11-01", 1.0, None)]).encode(), "p")


def test_an_unknown_resource_is_refused_by_name(home):
    home.put(4, ("a", "2025-11-01", 1.0, None), resource="r.s")
    assert home.read().failures == ("r.s/20251201T000400Z.json: made has no r.s: known are p, q.",)
    assert home.rows == ROWS


def test_a_resource_is_read_anew_where_a_capture_was_removed_or_somebody_decided(home):
    first = home.put(0, ("a", "2025-11-01", 7.0, None))
    assert home.read().captures == 3  # it comes late: all of p
    assert home.rows[1:3] == [(0, "pa", "11-01", 7.0, None), (1, "pa", "11-01", 2.0, None)]
    home.path(first).unlink()
    home.path(first, ".meta.json").unlink()
    home.read()
    assert home.rows == ROWS
    decisions.record(home.archive, "made", Decision("p/20251201T000200Z", "reject"), NOW)
    home.read()
    assert home.rows == [*ROWS[:2], ROWS[4]]


def test_what_was_read_once_and_is_refused_now_is_not_lost(home):
    home.put(0, ("a", "2025-11-01", 7.0, None))
    learned = replace(SOURCE, parse=lambda content: [] if b"3.0" in content else parse(content))
    assert "was read before and is refused now (it has no figure" in home.read(learned).failures[0]
    assert home.rows == ROWS


def files(home):
    return [path for path in home.lake.root.rglob("*") if path.is_file() and path.name != "reading.json"]


@pytest.mark.parametrize("how", ["gone", "cut", "flipped"])
def test_damaged_files_are_healed_from_the_archive_and_named(home, how):
    names = [path.relative_to(home.lake.root).as_posix() for path in files(home) if path.parent.name != "nyse"]
    for name in [name for name in names if name.startswith("made/")]:
        path = next((each for each in files(home) if each.relative_to(home.lake.root).as_posix() == name), None)
        if path is None:
            continue  # healed under another name
        content = path.read_bytes()
        path.unlink() if how == "gone" else path.write_bytes(
            content[: len(content) // 2] if how == "cut" else bytes([content[0] ^ 1, *content[1:]])
        )
        is_named = bool(captures.part_damages(home.lake, SOURCE))
        found = row_reading.read(SOURCE, home.archive, home.lake, NOW)
        assert home.rows == ROWS
        assert (found.damaged, bool(found.healed)) == ([], is_named)
        assert captures.part_damages(home.lake, SOURCE) == {}


def test_a_damaged_part_whose_capture_is_damaged_too_stays_as_it_is(home):
    part = next(name for name in parts.counted_parts(home.lake, "made", "rows") if name.startswith("p-2025-10"))
    home.lake.path("made", "rows", part).unlink()
    home.path(next(c for c in home.archive.captures("made")[0] if c.resource == "p")).write_bytes(b"other")
    home.put(5, ("a", "2025-11-07", 1.0, None), resource="q")
    assert any("does not have the sha256" in failure for failure in home.read().failures)
    assert (5, "qa", "11-07", 1.0, None) in home.rows_of("q")
    assert captures.part_damages(home.lake, SOURCE).keys() == {"p"}


def test_a_run_killed_before_it_commits_leaves_what_was(home, monkeypatch):
    home.put(4, ("a", "2025-11-01", 9.0, None))
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "write_record", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            home.read()
    assert home.rows == ROWS
    home.read()
    assert (4, "pa", "11-01", 9.0, None) in home.rows
    named = set(parts.counted_parts(home.lake, "made", "rows"))
    assert named == set(home.lake.parts("made", "rows"))  # nothing is left behind
    assert CAPTURES in {path.name for path in (home.lake.root / "made").iterdir()}
