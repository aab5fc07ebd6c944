"""Reading captures into the lake, with a made source whose pages are JSON: [[name, day, text or null], ...]."""

import hashlib
import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion import calendar, reading
from ingestion.archive import Archive, Served
from ingestion.errors import FetchFailed, PageRefused
from ingestion.lake.journal import JOURNAL
from ingestion.lake.observations import CAPTURE_SCHEMA, CAPTURES, observation_schema
from ingestion.lake.tables import Lake
from ingestion.refresh import RefreshResult, fetch_live, last_readings, refresh
from ingestion.source import PublisherSource

MONDAY = date(2025, 11, 3)
START = datetime(2025, 11, 3, 12)
NOW = datetime(2025, 12, 1)
URL = "https://publisher.example/page"
KEY = {"name": pl.String(), "value_date": pl.Date()}
WEEKDAYS = [MONDAY + timedelta(days=n) for n in range(40) if n % 7 < 5]
SESSIONS = pl.DataFrame({"session_date": [*WEEKDAYS, date(2026, 12, 31)]}).select(
    pl.col("session_date") if name == "session_date" else pl.lit(None, kind).alias(name)
    for name, kind in calendar.SCHEMA.items()
)


def parse(content):
    if content == b"challenge":
        raise PageRefused("a challenge page: look at it.")
    return json.loads(content)


def frame(rows, resource):
    return pl.DataFrame(
        {
            "name": [name for name, _, _ in rows],
            "value_date": [date.fromisoformat(day) for _, day, _ in rows],
            "raw_text": [text for _, _, text in rows],
            "value": [None if text is None else float(text) for _, _, text in rows],
        },
        schema={**KEY, "raw_text": pl.String, "value": pl.Float64},
    )


def fetch(http, resource, archived, day):
    raise AssertionError("nobody is asked")


MADE = PublisherSource(
    name="made",
    table="cells",
    description="A made source.",
    terms="None.",
    ext="json",
    key=KEY,
    newest="next_session",
    resources=("p", "q"),
    fetch=fetch,
    parse=parse,
    frame=frame,
)


def made(**changes):
    return replace(MADE, **changes)


def page(*cells):
    """Cells are (name, text) of Monday, or (name, text, day)."""
    rows = [(name, str(day[0] if day else MONDAY), text) for name, text, *day in cells]
    return json.dumps(rows).encode()


class Home:
    """An archive and a lake below one folder, and what it takes to read the one into the other."""

    def __init__(self, root):
        self.archive, self.lake = Archive(Path(root) / "archive"), Lake(Path(root) / "lake")
        self.lake.write(calendar.SOURCE, calendar.TABLE, SESSIONS)

    def put(self, content, minute=0, resource="p", url=URL):
        served = Served(url, content, START + timedelta(minutes=minute))
        return self.archive.put("made", resource, served, "json")

    def read(self, source=None, mode="replay", now=NOW, gathered=()):
        return refresh(source or made(), self.archive, self.lake, mode, now, gathered)

    def path(self, capture, ending=".json"):
        return self.archive.root / "made" / capture.resource / (capture.file.removesuffix(".json") + ending)

    @property
    def observations(self):
        return self.lake.read("made", "cells", {})

    @property
    def figures(self):
        """(minute, name, text) of every observation."""
        rows = self.observations.select("observed_at", "name", "raw_text").rows()
        return [((at - START) // timedelta(minutes=1), name, text) for at, name, text in rows]

    @property
    def tables(self):
        """The bytes of the source's tables and when they were written."""
        return [
            (path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted(self.lake.root.glob("*/*/*.parquet"))
            if "made" in path.parts
        ]


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def without_times(tables):
    return [content for content, _ in tables]


contents = st.one_of(
    st.dictionaries(st.sampled_from("abc"), st.sampled_from([None, "1", "1.0", "2", "3"]), min_size=1).map(
        lambda cells: page(*cells.items())
    ),
    st.sampled_from([b"challenge", b"no page at all", page(("a", "1", date(2025, 11, 20)))]),
)
captures = st.dictionaries(st.tuples(st.integers(0, 5), st.sampled_from("pq")), contents, min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(captures, st.randoms(use_true_random=False), st.data())
def test_captures_in_any_order_and_batches_give_the_tables_of_one_reading(drawn, random, data):
    arriving = random.sample(sorted(drawn), len(drawn))
    cuts = data.draw(st.sets(st.integers(1, len(drawn))))
    with TemporaryDirectory() as there, TemporaryDirectory() as here, pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "KEPT_SHARE", 0.0)  # a late blank may take one of two figures
        whole, parts = Home(there), Home(here)
        for (minute, resource), content in sorted(drawn.items()):
            whole.put(content, minute, resource)
        at_once = whole.read()
        for number, (minute, resource) in enumerate(arriving, start=1):
            parts.put(drawn[minute, resource], minute, resource)
            if number in cuts:
                parts.read()
        in_parts = parts.read()
        assert without_times(parts.tables) == without_times(whole.tables)
        assert in_parts.failures == at_once.failures
        before = parts.tables
        assert parts.read().added == 0
        assert parts.tables == before


@settings(max_examples=20, deadline=None)
@given(captures, st.integers(-1, 5))
def test_what_was_known_at_a_time_is_what_the_captures_until_then_give(drawn, minute):
    with TemporaryDirectory() as there, TemporaryDirectory() as here:
        whole, early = Home(there), Home(here)
        for (seen, resource), content in drawn.items():
            whole.put(content, seen, resource)
            if seen <= minute:
                early.put(content, seen, resource)
        whole.read()
        early.read()
        until = whole.observations.filter(pl.col("observed_at") <= START + timedelta(minutes=minute))
        assert until.equals(early.observations)


def test_a_reading_says_what_it_came_to(home):
    home.put(page(("a", "1"), ("b", None)))
    home.put(page(("a", "2"), ("b", "5")), minute=1)
    assert home.read(mode="live") == RefreshResult("made", "live", NOW, captures=2, added=3, asked_at=NOW)
    assert home.figures == [(0, "a", "1"), (1, "a", "2"), (1, "b", "5")]
    home.put(page(("a", "2"), ("b", None)), minute=2)
    assert home.read() == RefreshResult("made", "replay", NOW, captures=1, added=1, asked_at=NOW)
    assert home.figures[3:] == [(2, "b", None)]


def test_the_log_names_every_capture(home):
    good, bad = home.put(page(("a", "1"))), home.put(b"challenge", minute=1, url="https://other.example")
    home.read()
    names = [name for name in CAPTURE_SCHEMA if name not in ("verdict", "refusal")]
    assert home.lake.read("made", CAPTURES, {}).rows() == [
        (*(getattr(good, name) for name in names), "read", None),
        (*(getattr(bad, name) for name in names), "refused", "a challenge page: look at it."),
    ]


def test_tables_are_there_and_typed_when_nothing_was_read(home):
    assert home.read() == RefreshResult("made", "replay", NOW, asked_at=NOW)
    assert pl.read_parquet(home.lake.root / "made/cells/cells.parquet").schema == observation_schema(KEY)
    assert pl.read_parquet(home.lake.root / "made/captures/captures.parquet").schema == CAPTURE_SCHEMA


def test_a_page_without_changes_leaves_the_observations_untouched(home):
    home.put(page(("a", "1")))
    home.read()
    observations = home.lake.root / "made/cells/cells.parquet"
    before = observations.stat().st_mtime_ns
    home.put(page(("a", "1.0")), minute=1)
    assert home.read().captures == 1
    assert observations.stat().st_mtime_ns == before


def tampered(home):
    capture = home.put(page(("a", "7")), minute=1)
    home.path(capture).write_bytes(page(("a", "8")))


def missing(home):
    home.path(home.put(page(("a", "7")), minute=1)).unlink()


def bad_meta(home):
    home.path(home.put(page(("a", "7")), minute=1), ".meta.json").write_text("{")


BROKEN = {
    "bytes that changed": (tampered, "does not have the sha256 of its meta.json"),
    "bytes that are gone": (missing, "is named by its meta.json but is not there"),
    "bad provenance": (bad_meta, "20251103T120100Z.meta.json is not a provenance record"),
    "a challenge page": (lambda home: home.put(b"challenge", minute=1), "a challenge page: look at it."),
    "a page no parser foresaw": (
        lambda home: home.put(b"surprise", minute=1),
        "it could not be read (JSONDecodeError: Expecting value: line 1 column 1 (char 0)): report the page.",
    ),
    "rows that do not fit": (lambda home: home.put(b"[[]]", minute=1), "it could not be read (ValueError: "),
    "figures to come": (
        lambda home: home.put(page(("a", "7"), ("a", "7", date(2025, 11, 5))), minute=1),
        "it carries figures of 2025-11-05, later than 2025-11-04: its dates or its stamp are wrong.",
    ),
}


@pytest.mark.parametrize(("break_one", "sentence"), BROKEN.values(), ids=BROKEN)
def test_a_failure_is_named_and_changes_nothing_and_stops_nothing(home, break_one, sentence):
    home.put(page(("a", "1")))
    home.read()
    observations = home.lake.root / "made/cells/cells.parquet"
    before = observations.read_bytes()
    break_one(home)
    [failure] = home.read().failures
    assert "p/20251103T120100Z" in failure
    assert sentence in failure
    assert observations.read_bytes() == before
    home.put(page(("a", "2")), minute=2, resource="q")
    reading = home.read()
    assert reading.failures == (failure,)
    assert reading.added == 1
    assert home.figures == [(0, "a", "1"), (2, "a", "2")]


def test_a_stamp_from_the_future_is_refused_until_then(home):
    home.put(page(("a", "1")), minute=1)
    [failure] = home.read(now=START).failures
    assert failure == (
        "p/20251103T120100Z.json: its stamp lies in the future: check the clock of the machine that fetched it."
    )
    assert home.figures == []
    assert home.read(now=START + timedelta(minutes=1)).failures == ()
    assert home.figures == [(1, "a", "1")]


FRIDAY, SATURDAY = MONDAY + timedelta(days=4), MONDAY + timedelta(days=5)


@pytest.mark.parametrize(
    ("newest", "seen", "latest"),
    [
        ("next_session", MONDAY, MONDAY + timedelta(days=1)),
        ("next_session", FRIDAY, MONDAY + timedelta(days=7)),
        ("next_session", SATURDAY, MONDAY + timedelta(days=7)),
        ("same_day", FRIDAY, FRIDAY),
        ("same_day", SATURDAY, SATURDAY),
    ],
)
@pytest.mark.parametrize("days_later", [0, 1])
def test_figures_reach_to_the_next_session_or_the_same_day(home, newest, seen, latest, days_later):
    home.put(page(("a", "1", latest + timedelta(days=days_later)), ("a", "2")), minute=(seen - MONDAY).days * 24 * 60)
    assert len(home.read(made(newest=newest)).failures) == days_later
    assert home.observations.height == (0 if days_later else 2)


@pytest.mark.parametrize(
    ("minute", "resource", "url", "stands"),
    [(6, "p", URL, False), (4, "p", URL, True), (6, "q", URL, True), (6, "p", "https://other.example", True)],
)
def test_a_refusal_stands_until_its_url_was_read_well_later(home, minute, resource, url, stands):
    home.put(b"challenge", minute=5)
    home.read()
    home.put(page(("a", "1")), minute, resource, url)
    failures = ("p/20251103T120500Z.json: a challenge page: look at it.",)
    assert home.read().failures == (failures if stands else ())
    assert home.read(mode="held").failures == (failures if stands else ())


def test_a_refusal_ends_when_its_url_was_read_well_in_the_same_second(home):
    """Stamps of a folder differ, but provenance may say that two of its files were fetched in one second."""
    home.put(b"challenge")
    meta = home.path(home.put(page(("a", "1"))), ".meta.json")
    assert meta.name == "20251103T120001Z.meta.json"
    meta.write_text(meta.read_text().replace("12:00:01Z", "12:00:00Z"))
    assert home.read().failures == ()


def test_refusals_are_named_in_the_order_of_their_time(home):
    for minute in (2, 0, 1):
        home.put(b"challenge", minute)
    assert [failure[:17] for failure in home.read().failures] == [f"p/20251103T120{n}00" for n in range(3)]


def test_refusals_of_one_time_are_named_in_the_order_of_their_sha256(home):
    """A later one comes after them, whatever its sha256."""
    contents = sorted((f"no page {n}".encode() for n in range(3)), key=lambda content: hashlib.sha256(content).digest())
    for content, minute, resource in zip(contents, (1, 0, 0), ("p", "q", "p"), strict=True):
        home.put(content, minute, resource)
    names = ["q/20251103T120000Z.json", "p/20251103T120000Z.json", "p/20251103T120100Z.json"]
    assert [failure.split(":")[0] for failure in home.read().failures] == names


def test_a_refused_page_is_read_once_the_parser_has_learned(home):
    home.put(page(("a", "1")))
    home.put(b"challenge", minute=1)
    home.put(page(("a", "1")), minute=2)
    assert home.read().added == 1
    learned = made(parse=lambda content: parse(page(("a", "9")) if content == b"challenge" else content))
    assert home.read(learned) == RefreshResult("made", "replay", NOW, captures=3, added=2, asked_at=NOW)
    assert home.figures == [(0, "a", "1"), (1, "a", "9"), (2, "a", "1")]


def test_the_log_forgets_a_refused_page_that_was_removed(home):
    home.put(page(("a", "1")))
    refused = home.put(b"challenge", minute=1)
    assert home.read().failures
    for ending in (".json", ".meta.json"):
        home.path(refused, ending).unlink()
    assert home.read().failures == ()
    assert home.lake.read("made", CAPTURES, {})["verdict"].to_list() == ["read"]


@pytest.mark.parametrize("first", ["lower", "greater"])
def test_a_page_of_a_second_already_read_is_read_as_if_both_had_come_at_once(home, first):
    lower, *_, greater = sorted(map(str, range(1, 9)), key=lambda text: hashlib.sha256(page(("a", text))).hexdigest())
    for text, resource in ((lower, "q"), (greater, "p"))[:: 1 if first == "lower" else -1]:
        home.put(page(("a", text)), resource=resource)
        home.read()
    assert home.figures == [(0, "a", greater)]


def test_the_log_is_in_the_order_of_time_then_sha256_then_resource(home):
    def refuses_p(rows, resource):
        return frame(rows if resource == "q" else [["a"]], resource)

    source = made(frame=refuses_p)
    lower, greater = sorted(map(str, (1, 2)), key=lambda text: hashlib.sha256(page(("a", text))).hexdigest())
    home.put(page(("a", greater)), resource="q")
    home.read(source)
    home.put(page(("a", greater)), resource="p")
    home.put(page(("a", lower)), resource="p", url="other")
    home.put(page(("a", lower)), resource="r")
    home.read(source)
    log = home.lake.read("made", CAPTURES, {}).select("fetched_at", "sha256", "resource").rows()
    assert log == sorted(log)
    assert [resource for _, _, resource in log] == ["r", "p", "q", "p"]


def test_a_late_page_that_is_refused_makes_nothing_be_read_again(home):
    parsed = []
    source = made(parse=lambda content: parsed.append(content) or parse(content))
    home.put(page(("a", "1")), minute=5)
    home.read(source)
    parsed.clear()
    home.put(b"challenge")
    home.read(source)
    assert set(parsed) == {b"challenge"}


def spoil_bytes(home, capture):
    home.path(capture).write_bytes(b"[]")


def spoil_meta(home, capture):
    home.path(capture, ".meta.json").write_text("{")


@pytest.mark.parametrize("spoil", [spoil_bytes, spoil_meta])
def test_what_was_read_from_bytes_that_are_damaged_since_stays(home, spoil):
    capture = home.put(page(("a", "5")), minute=5)
    home.read()
    before = home.tables
    spoil(home, capture)
    assert home.read().failures == ()
    home.put(page(("a", "1")))
    [failure] = home.read().failures
    assert "p/20251103T120500Z" in failure
    assert home.tables == before


def test_damage_to_what_was_never_read_does_not_hold_back_a_late_page(home):
    home.put(page(("a", "5")), minute=5)
    home.read()
    tampered(home)
    home.put(page(("a", "1")))
    home.read()
    assert home.figures == [(0, "a", "1"), (5, "a", "5")]


def test_what_was_removed_from_the_archive_is_gone_when_all_is_read_again(home):
    capture = home.put(page(("a", "5")), minute=5)
    home.read()
    for ending in (".json", ".meta.json"):
        home.path(capture, ending).unlink()
    home.put(page(("a", "1")))
    assert home.read().failures == ()
    assert home.figures == [(0, "a", "1")]


def test_a_former_log_with_a_column_more_is_read_on_and_nothing_is_read_again(home):
    home.put(page(("a", "1")))
    home.read()
    log = home.lake.read("made", CAPTURES, {}).with_columns(is_sample=False)
    home.lake.write("made", CAPTURES, log.select("is_sample", pl.exclude("is_sample")))
    (home.lake.root / "made" / JOURNAL).unlink()
    before = home.tables
    assert home.read().captures == 0
    assert home.tables == before
    home.put(page(("a", "2")), minute=1)
    assert home.read().captures == 1
    assert home.lake.read("made", CAPTURES, {}).schema == CAPTURE_SCHEMA


class Publisher:
    """A fake client: contents by url; an exception is raised."""

    def __init__(self, **answers):
        self.answers = answers

    def get(self, url):
        answer = self.answers[url]
        if isinstance(answer, Exception):
            raise answer
        return Served(url, answer, START)


def live(urls):
    """A source that asks for the `urls` of a resource which are not held yet, and the list of what it was given."""
    asked = []

    def fetch(http, resource, archived, day):
        asked.append((resource, archived, day))
        yield from (http.get(url) for url in urls[resource] if url not in archived)

    return made(fetch=fetch), asked


def test_a_resource_that_fails_is_named_and_the_others_are_filed(home):
    source, _ = live({"p": ["p1", "p2"], "q": ["q1"]})
    http = Publisher(p1=page(("a", "1")), p2=FetchFailed("p2 answered 403: come back later."), q1=page(("b", "1")))
    failures = fetch_live(source, home.archive, home.lake, http, MONDAY)
    assert failures == ["made/p: p2 answered 403: come back later."]
    found, _ = home.archive.captures("made")
    assert sorted((capture.resource, capture.url, capture.file, capture.origin) for capture in found) == [
        ("p", "p1", "20251103T120000Z.json", "served"),
        ("q", "q1", "20251103T120000Z.json", "served"),
    ]
    reading = home.read(source, mode="live", gathered=failures)
    assert (reading.added, reading.failures) == (2, tuple(failures))


def test_what_was_read_well_is_held_and_not_asked_for_again(home):
    first = home.put(page(("a", "1")), url="p1")
    home.put(b"challenge", minute=1, url="p2")
    second = home.put(page(("b", "1")), resource="q", url="q1")
    source, asked = live({"p": ["p1", "p2"], "q": ["q1"]})
    home.read(source)
    assert fetch_live(source, home.archive, home.lake, Publisher(p2=page(("a", "2"))), MONDAY) == []
    assert asked == [("p", {"p1": first.sha256}, MONDAY), ("q", {"q1": second.sha256}, MONDAY)]


def test_an_answer_that_cannot_be_filed_is_named(home):
    spoil_meta(home, home.put(page(("a", "1"))))
    source, _ = live({"p": ["p1"], "q": ["q1"]})
    answers = Publisher(p1=page(("a", "2")), q1=page(("b", "1")))
    [failure] = fetch_live(source, home.archive, home.lake, answers, MONDAY)
    assert failure.startswith("made/p: made/p/20251103T120000Z.meta.json is not a provenance record")
    assert home.read(source).added == 1


def test_failures_of_gathering_come_first(home):
    home.put(b"challenge")
    failures = home.read(gathered=["made/q: answered 403."]).failures
    assert failures == ("made/q: answered 403.", "p/20251103T120000Z.json: a challenge page: look at it.")


def test_the_last_reading_of_each_source_is_kept(home):
    assert last_readings(home.lake) == []
    home.put(b"challenge")
    others = home.read(made(name="elsewhere"), mode="live")
    home.read(mode="live")
    newest = home.read(now=NOW + timedelta(microseconds=1))
    assert len(newest.failures) == 1
    assert last_readings(home.lake) == [others, newest]


def test_a_rebuild_from_what_is_held_keeps_the_mode_of_the_last_gathering(home):
    home.read(made(name="elsewhere"), mode="sample")
    assert home.read(mode="held").mode == "held"
    home.read(mode="live")
    assert [home.read(mode="held", now=NOW + timedelta(days=n)).mode for n in (1, 2)] == ["live", "live"]
    assert last_readings(home.lake)[-1] == RefreshResult("made", "live", NOW + timedelta(days=2), asked_at=NOW)


def test_a_capture_of_a_resource_that_the_source_does_not_have_is_refused(home):
    home.put(page(("a", "1")), resource="r")
    assert home.read().failures == ("r/20251103T120000Z.json: made has no r: known are p, q.",)
