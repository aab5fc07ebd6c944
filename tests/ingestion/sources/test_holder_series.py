import csv
import io
from datetime import date, datetime, timedelta
from importlib.resources import files

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.archive import Archive, Served
from ingestion.errors import PageRefused
from ingestion.sample.pages import pages, supply_csv
from ingestion.source import Sessions
from ingestion.sources import holder_series

NEW_YEAR = date(2025, 1, 1)


def cells(*lines):
    return holder_series.frame(holder_series.parse("\n".join(["date,lth_btc,sth_btc", *lines]).encode()), "mine")


def test_a_line_becomes_two_cells_in_coins():
    found = cells("2025-01-01,14077917.57433593,5891869.09563503")
    assert found.schema == holder_series.SOURCE.key | {"raw_text": pl.String, "value": pl.Float64}
    assert found.rows() == [
        ("mine", NEW_YEAR, "lth_native", "14077917.57433593", 14077917.57433593),
        ("mine", NEW_YEAR, "sth_native", "5891869.09563503", 5891869.09563503),
    ]


@given(st.dates(date(2009, 1, 3), date(2100, 1, 1)), st.integers(0, 21 * 10**14), st.integers(0, 21 * 10**14))
def test_labels_may_be_swapped_until_2013_only(day, lth_sats, sth_sats):
    lth, sth = lth_sats / 10**8, sth_sats / 10**8
    line = f"{day},{lth:.8f},{sth:.8f}"
    if day.year > 2013 and lth_sats < sth_sats:
        with pytest.raises(PageRefused, match=f"on {day}, which no true series has after 2013"):
            cells(line)
    else:
        assert cells(line)["value"].to_list() == [lth, sth]


def test_the_last_day_on_which_long_may_be_below_short_is_that_of_2013():
    assert cells("2013-12-31,1,2").height == 2
    assert cells("2014-01-01,2,2").height == 2
    with pytest.raises(PageRefused, match=r"long-term supply \(1\) is below short-term supply \(2\) on 2014-01-01"):
        cells("2014-01-01,1,2")


def test_one_swapped_day_refuses_the_whole_file():
    with pytest.raises(PageRefused, match="on 2024-05-05"):
        cells("2024-05-04,2,1", "2024-05-05,1,2", "2024-05-06,2,1")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("2025-02-30,2,1", "got '2025-02-30'"),
        ("2025-01-01,x,1", "lth_btc on 2025-01-01 is 'x'"),
        ("2025-01-01,2,-1", "sth_btc on 2025-01-01 is '-1'"),
    ],
)
def test_what_does_not_parse_is_refused_by_day_and_column(line, sentence):
    with pytest.raises(PageRefused, match=sentence):
        cells("2024-12-31,2,1", line)


def test_another_header_is_refused():
    with pytest.raises(PageRefused, match="expected 'date,lth_btc,sth_btc'"):
        holder_series.parse(b"date,lth,sth\n2025-01-01,2,1\n")


def test_definitions_are_those_that_provenance_names(tmp_path):
    archive, at = Archive(tmp_path), datetime(2026, 1, 2)
    for series, definition in (("b", "age_150d_step"), ("a", None), ("b", "age_155d_step")):
        at += timedelta(hours=1)
        archive.put("holder_series", series, Served("", b"", at), "csv", note=holder_series.note(definition))
    found = holder_series.definitions(archive.captures("holder_series")[0])
    assert found.schema == holder_series.DEFINITIONS_SCHEMA
    assert found.rows() == [
        ("b", datetime(2026, 1, 2, 1), "age_150d_step"),
        ("b", datetime(2026, 1, 2, 3), "age_155d_step"),
    ]
    assert holder_series.definitions([]).schema == holder_series.DEFINITIONS_SCHEMA


def test_the_page_of_the_sample_has_its_table():
    ((resource, ext, served),) = [page[1:] for page in pages() if page[0] == "holder_series"]
    assert (resource, ext, served.url, served.fetched_at) == (
        "published_utxo",
        "csv",
        "",
        datetime(2025, 11, 11, 12),
    )
    facts = list(csv.DictReader(io.StringIO(files("ingestion.sample").joinpath("holder_supply.csv").read_text())))
    days = [date(2025, 9, 29) + timedelta(n) for n in range(43)]
    assert [fact["value_date"] for fact in facts] == [day.isoformat() for day in days]
    lines = served.content.decode().split("\r\n")
    assert lines == ["date,lth_btc,sth_btc", *(",".join(fact.values()) for fact in facts), ""]
    found = holder_series.frame(holder_series.parse(served.content), resource)
    lth = dict(found.filter(metric="lth_native").select("value_date", "value").iter_rows())
    # published: 369,536 coins less from 30 September to 4 November
    assert round(lth[date(2025, 11, 4)] - lth[date(2025, 9, 30)]) == -369_536


def test_any_rows_survive_a_made_file():
    content = supply_csv([(NEW_YEAR, "3.5", "1")])
    assert holder_series.frame(holder_series.parse(content), "made")["value"].to_list() == [3.5, 1.0]


def vetted(*lines):
    found = cells(*lines)
    return holder_series.SOURCE.vet(found, Sessions([], date.min))[0], holder_series.SOURCE.doubt(found)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["2025-01-01,14077917.5,0"], "short-term supply is 0 on 2025-01-01"),
        (["2011-01-01,0,5000000"], "long-term supply is 0 on 2011-01-01"),
        (["2025-01-01,1407791750000000,589186900000000"], "so its unit is another"),
        (["2025-01-01,14077917.5,5891869.0", "2025-01-02,14077917.5,589186"], "change by -5,302,683 coins"),
        (["2025-01-01,14077917.5,589186.9", "2025-01-02,14077917.5,5891869.0"], "change by 5,302,682 coins"),
    ],
)
def test_what_no_series_says_is_refused(lines, sentence):
    with pytest.raises(PageRefused, match=sentence):
        vetted(*lines)


def test_smaller_errors_and_the_largest_known_move_are_read_and_larger_falls_doubted():
    before, recorded = "2014-11-06,9000000,4407145", "2014-11-07,9000000,4400000"
    assert vetted(before, recorded)[1] is None
    assert vetted("2009-01-03,0,0", "2009-06-01,0,1000000")[1] is None
    assert vetted("2025-01-01,15000000,5000000", "2025-01-02,14201364,5798636")[1] is None
    assert "falls by 1,000,000 coins on 2025-01-02" in vetted("2025-01-01,15e6,5e6", "2025-01-02,14e6,6e6")[1]
    assert vetted("2025-01-01,15e6,5e6", "2025-01-09,14e6,6e6")[1] is None
