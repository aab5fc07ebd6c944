"""Observations against a slow reference that walks the captures one by one."""

import hashlib
from datetime import date, datetime, timedelta
from itertools import groupby

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestion.archive import Capture
from ingestion.lake.observations import newest_state, observation_schema, observe

START = datetime(2025, 11, 3, 12)
DAY = date(2025, 11, 3)
KEY = {"name": pl.String, "value_date": pl.Date}
SCHEMA = observation_schema(KEY)
CELL = ("a", DAY)
BLANK = (None, None)
NUMBER = ("1", 1.0)

states = st.sampled_from([BLANK, NUMBER, ("1.0", 1.0), ("2", 2.0), ("0", 0.0), ("calm", None), ("wild", None)])
cells = st.dictionaries(st.tuples(st.sampled_from("ab"), st.sampled_from([DAY, DAY + timedelta(days=1)])), states)
seconds = st.integers(0, 5)


def capture(second, number, resource="page"):
    return Capture(
        source="made",
        resource=resource,
        url="",
        fetched_at=START + timedelta(seconds=second),
        file="",
        bytes=0,
        sha256=hashlib.sha256(bytes([number])).hexdigest(),
        origin="served",
    )


def frame(page):
    rows = [(*key, text, value) for key, (text, value) in page.items()]
    return pl.DataFrame(rows, schema={**KEY, "raw_text": pl.String, "value": pl.Float64}, orient="row")


def observed(*calls):
    """The observations after each call was given its [(capture, {cell: (text, value)})]."""
    stored = pl.DataFrame(schema=SCHEMA)
    for pages in calls:
        stored = pl.concat([stored, observe(stored, [(seen, frame(page)) for seen, page in pages], KEY)])
    return stored


def walked(pages):
    """What a patient clerk would write down, as rows by time and cell."""
    held, book = {}, []
    in_order = sorted(pages, key=lambda page: (page[0].fetched_at, page[0].sha256))
    for at, second in groupby(in_order, key=lambda page: page[0].fetched_at):
        shown = {cell: (state, seen.sha256) for seen, page in second for cell, state in page.items()}
        for cell, ((text, value), sha256) in sorted(shown.items()):
            old_text, old_value = held.get(cell, BLANK)
            is_same = value == old_value if value is not None else (old_value is None and text == old_text)
            if not is_same:
                book.append((*cell, at, text, value, sha256))
            held[cell] = (text, value)
    return book


def history(*states_in_order):
    """The observations of one cell, a capture per state, as (minute, text, value)."""
    pages = [(capture(second, second), {CELL: state}) for second, state in enumerate(states_in_order)]
    rows = observed(pages).select("observed_at", "raw_text", "value").rows()
    return [((at - START).seconds, text, value) for at, text, value in rows]


@st.composite
def divided_captures(draw):
    """Captures in any order, and the same ones divided at some seconds into calls."""
    drawn = draw(st.lists(st.tuples(seconds, st.sampled_from("pq"), cells), max_size=8))
    pages = [(capture(second, number, name), page) for number, (second, name, page) in enumerate(drawn)]
    cuts = draw(st.sets(seconds))
    calls = {}
    for page in pages:
        calls.setdefault(sum(page[0].fetched_at >= START + timedelta(seconds=cut) for cut in cuts), []).append(page)
    return pages, [calls[number] for number in sorted(calls)]


@settings(max_examples=80, deadline=None)
@given(divided_captures())
def test_observations_are_those_of_a_walk_however_the_captures_are_divided(drawn):
    pages, calls = drawn
    assert observed(pages).rows() == walked(pages)
    assert observed(*calls).equals(observed(pages))


@settings(max_examples=50, deadline=None)
@given(divided_captures(), st.randoms(use_true_random=False))
def test_the_order_within_a_call_does_not_matter(drawn, random):
    pages, _ = drawn
    assert observed(random.sample(pages, len(pages))).equals(observed(pages))


@settings(max_examples=50, deadline=None)
@given(divided_captures())
@example(([(capture(0, 0), {CELL: NUMBER}), (capture(1, 1), {CELL: ("1.0", 1.0)})], []))
def test_the_newest_state_is_what_was_shown_last(drawn):
    pages, _ = drawn
    last = {}
    for _, page in sorted(pages, key=lambda page: page[0].order):
        last |= page
    found = {(name, day): (text, value) for name, day, _, text, value, _ in newest_state(observed(pages), KEY).rows()}
    assert set(found) <= set(last)
    for cell, (text, value) in last.items():
        found_text, found_value = found.get(cell, BLANK)
        assert found_value == value
        assert value is not None or found_text == text


def test_the_newest_state_does_not_depend_on_the_order_of_the_rows():
    rows = observed([(capture(0, 0), {CELL: NUMBER}), (capture(1, 1), {CELL: ("2", 2.0)})])
    assert newest_state(rows.reverse(), KEY)["value"].to_list() == [2.0]


def test_the_table_is_typed_with_and_without_rows():
    assert observe(pl.DataFrame(schema=SCHEMA), [], KEY).schema == SCHEMA
    assert observed([(capture(0, 0), {CELL: NUMBER})]).schema == SCHEMA
    assert list(SCHEMA) == ["name", "value_date", "observed_at", "raw_text", "value", "archive_sha256"]


def test_a_blank_cell_adds_nothing_until_it_held_something():
    assert history(BLANK, BLANK, NUMBER) == [(2, "1", 1.0)]


def test_a_withdrawn_figure_is_a_row_of_nulls():
    assert history(NUMBER, BLANK, BLANK, NUMBER) == [(0, "1", 1.0), (1, None, None), (3, "1", 1.0)]


def test_a_figure_in_other_words_is_the_same_figure():
    assert history(NUMBER, ("1.0", 1.0), NUMBER) == [(0, "1", 1.0)]


def test_zero_is_a_figure():
    assert history(("0", 0.0), BLANK) == [(0, "0", 0.0), (1, None, None)]


def test_a_text_without_a_number_counts_by_its_words():
    assert history(("calm", None), ("calm", None), ("wild", None), BLANK) == [
        (0, "calm", None),
        (2, "wild", None),
        (3, None, None),
    ]


def test_what_a_page_does_not_show_says_nothing():
    pages = [(capture(0, 0), {CELL: NUMBER}), (capture(1, 1), {}), (capture(2, 2), {CELL: NUMBER})]
    assert observed(pages).height == 1


def test_of_one_second_the_greater_sha256_prevails():
    pages = [(capture(0, number), {CELL: (str(number), float(number))}) for number in range(9)]
    _, prevailing = max((seen.sha256, page[CELL]) for seen, page in pages)
    assert observed(pages).select("raw_text", "value").rows() == [prevailing]
