import json
from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.sources import alternative_me

NEW_YEAR = date(2025, 1, 1)


def entry(day=NEW_YEAR, value="21", name="Extreme Fear", **others):
    at = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    return {"value": value, "value_classification": name, "timestamp": str(at)} | others


def page(*entries, error=None):
    return json.dumps({"name": "Made index", "data": entries, "metadata": {"error": error}}).encode()


def cells(*entries):
    return alternative_me.frame(alternative_me.parse(page(*entries)), "fng")


def test_an_entry_becomes_a_number_and_a_text():
    newest = entry(date(2025, 1, 2), "55", "Greed", time_until_update="3600")
    found = cells(newest, entry())
    assert found.schema == alternative_me.SOURCE.key | {"raw_text": pl.String, "value": pl.Float64}
    assert found.rows() == [
        (date(2025, 1, 2), "index_value", "55", 55.0),
        (date(2025, 1, 2), "classification", "Greed", None),
        (NEW_YEAR, "index_value", "21", 21.0),
        (NEW_YEAR, "classification", "Extreme Fear", None),
    ]


@given(st.dates(date(1970, 1, 1), date(2100, 1, 1)), st.integers(0, 100))
def test_figures_come_back_exactly(day, value):
    assert cells(entry(day, str(value))).row(0) == (day, "index_value", str(value), float(value))


def test_a_number_is_as_good_as_its_text():
    assert cells(entry(value=21, timestamp=1735689600)).equals(cells(entry()))


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"\xff\xfe\xfd", b"[]", b"null", b"3", b'{"data": []}', b'{"metadata": []}', b"[" * 100_000],
)
def test_what_is_no_page_is_refused(content):
    with pytest.raises(PageRefused, match="other than JSON with data and metadata"):
        alternative_me.parse(content)


def test_a_stated_error_is_refused_whatever_else_is_there():
    with pytest.raises(PageRefused, match="the error 'Too many requests'"):
        alternative_me.parse(page(entry(), error="Too many requests"))


@pytest.mark.parametrize("data", [[], None, {}, "21", {"value": "21"}])
def test_a_page_without_entries_is_refused(data):
    with pytest.raises(PageRefused, match="no entry"):
        alternative_me.parse(json.dumps({"data": data, "metadata": {"error": None}}).encode())


@pytest.mark.parametrize(
    "broken", [{}, "21", None, *({**entry(), name: gap} for name in entry() for gap in (None, " "))]
)
def test_an_entry_lacks_nothing(broken):
    with pytest.raises(PageRefused, match="an entry without value, value_classification, timestamp"):
        cells(entry(), broken)


@pytest.mark.parametrize("value", ["101", "-1", "21.5", 21.5, "1e1", "٢١", "many", "1000", "NaN"])
def test_a_value_is_whole_and_between_0_and_100(value):
    with pytest.raises(PageRefused, match="on 2025-01-01, expected a whole number from 0 to 100"):
        cells(entry(value=value))


@pytest.mark.parametrize("timestamp", ["1735689600000", "2025-01-01", "-86400", "0.0"])
def test_a_timestamp_is_in_seconds(timestamp):
    with pytest.raises(PageRefused, match="the timestamp"):
        cells(entry(timestamp=timestamp))


def test_a_day_starts_at_midnight_utc():
    with pytest.raises(PageRefused, match="2025-01-01 00:00:01 UTC, expected 00:00"):
        cells(entry(timestamp="1735689601"))


@pytest.mark.parametrize("other", [{"value": "22"}, {"name": "Fear"}])
def test_a_day_served_twice_counts_once_when_identical(other):
    assert cells(entry(), entry()).equals(cells(entry()))
    with pytest.raises(PageRefused, match="2025-01-01 twice with different figures"):
        cells(entry(), entry(**other))


def test_fetch_asks_for_the_whole_history_even_when_held():
    class Publisher:
        def get(self, url):
            return Served(url, b"", datetime(2025, 1, 2))

    (served,) = alternative_me.fetch(Publisher(), "fng", frozenset([alternative_me.URL]), date(2025, 1, 2))
    assert served.url == "https://api.alternative.me/fng/?limit=0&format=json"
