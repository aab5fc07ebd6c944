import csv
import io
import json
from datetime import date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion import decisions
from ingestion.archive import Archive, Served
from ingestion.errors import PageRefused
from ingestion.lake.tables import Lake
from ingestion.reading import decision
from ingestion.refresh import refresh
from ingestion.source import OwnInstance, Sessions
from ingestion.sources import bitview

SUPPLY, FLOWS, VALUE = "lth_sth_supply", "lth_flows", "lth_value"
NO_SESSIONS = Sessions([], date.min)
FIRST = date(2025, 9, 24)
SATS = 10**8


def page(resource, *lines, header=None):
    names = header or ",".join(("date", *bitview.RESOURCES[resource]))
    return "".join(f"{line}\n" for line in (names, *lines)).encode()


def supply(*lines, header=None):
    return bitview.SOURCE.read(page(SUPPLY, *lines, header=header), SUPPLY)


def flow_rows(days=4):
    """Long-term supply, supply, and cumulative matured, spent and moved satoshi, past 2^53: matured - spent = net."""
    lth, total, matured, spent, moved = 1_546 * 10**12, 1_991 * 10**12, 4 * 10**16 + 1, 4 * 10**16 + 3, 10**18 + 1
    for at in range(days):
        yield [FIRST + timedelta(at), lth, total, matured, spent, moved]
        lth, total, matured, spent, moved = lth - 10, total + 5, matured + 1, spent + 11, moved + 1


def as_csv(rows, resource=FLOWS):
    return page(resource, *(",".join(map(str, row)) for row in rows))


def as_json(rows, version=71):
    start = (rows[0][0] - date(2009, 1, 1)).days
    columns = [[str(day) for day in next(zip(*rows, strict=True))], *list(map(list, zip(*rows, strict=True)))[1:]]
    head = {"version": version, "index": "day1", "start": start, "end": start + len(rows), "stamp": "x"}
    return json.dumps([{**head, "type": "Sats", "data": data} for data in columns]).encode()


def test_satoshi_become_coins():
    found = supply("2025-01-01,1407791757433593,589186909563503")
    assert found.schema == bitview.SOURCE.key | {"raw_text": pl.String, "value": pl.Float64}
    assert found.rows() == [
        ("bitview", date(2025, 1, 1), "lth_native", "1407791757433593", 14077917.57433593),
        ("bitview", date(2025, 1, 1), "sth_native", "589186909563503", 5891869.09563503),
    ]


@given(st.integers(0, 21 * 10**14))
def test_coins_are_the_nearest_number_to_the_satoshi(sats):
    assert supply(f"2025-01-01,{sats},0")["value"].to_list() == [sats / 10**8, 0.0]


def test_days_before_the_first_block_have_no_figure():
    found = supply("2009-01-01,,", "2009-01-02,,", "2009-01-03,0,5000000000")
    assert found["value_date"].unique().to_list() == [date(2009, 1, 3)]


def test_a_csv_and_json_say_the_same_and_json_its_vintage():
    rows = [*flow_rows()]
    from_csv, from_json = (bitview.SOURCE.read(content, FLOWS) for content in (as_csv(rows), as_json(rows)))
    is_vintage = pl.col("metric") == "lth_flows_vintage"
    assert from_json.filter(~is_vintage).equals(from_csv)
    assert from_json.filter(is_vintage)["value"].unique().to_list() == [71 * 6]
    exact = from_csv.filter(pl.col("metric") == "transfer_volume_cumulative_sats").sort("value_date")
    assert [int(text) for text in exact["raw_text"]] == [row[5] for row in rows]


@pytest.mark.parametrize(
    "content",
    [
        as_csv(flow_rows()).replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + as_csv(flow_rows()),
        as_csv([*flow_rows()][::-1]),
        as_csv([row for row in flow_rows() for _ in range(2)]),
        "".join(
            ",".join([*line[2:], *line[:2]]) + "\n" for line in csv.reader(io.StringIO(as_csv(flow_rows()).decode()))
        ).encode(),
    ],
    ids=["CRLF", "byte order mark", "newest first", "each day twice", "columns in another order"],
)
def test_what_says_the_same_otherwise_is_read(content):
    key = ["metric", "value_date"]
    assert (
        bitview.SOURCE.read(content, FLOWS).sort(key).equals(bitview.SOURCE.read(as_csv(flow_rows()), FLOWS).sort(key))
    )


def changed(content, old, new):
    assert old in content
    return content.replace(old, new, 1)


GOOD = as_csv(flow_rows())
JSON = json.loads(as_json([*flow_rows()]))
LAST = b"2025-09-27,1545999999999970,1991000000000015,40000000000000004,40000000000000036,1000000000000000004"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "its first line is ''"),
        (GOOD.splitlines(keepends=True)[0], "it has no day"),
        (b"<!DOCTYPE html><title>Just a moment...</title>", "expected date and names of series"),
        (b'{"error":{"code":"timeout","message":"Request timed out"}}', "it is an error: timeout, Request timed out"),
        (b'{"version":71,"data":[1]}', "it is one object, expected an array"),
        (b'[{"version":71', "breaks off"),
        (b"[1]", "without version, start, end"),
        (b"[]", "not of the same days"),
        (GOOD[:-3], "its last line has no end"),
        (changed(GOOD, LAST, LAST[:-20]), "has 5 fields, expected 6"),
        (changed(GOOD, LAST, LAST[:-5]), "transfer_volume_cumulative_sats falls"),
        (changed(GOOD, b"lth_transfer", b"lht_transfer"), "it lacks lth_transfer_volume_cumulative_sats"),
        (changed(GOOD, b",1991000000000015", b","), "supply_sats on 2025-09-27 is ''"),
        (changed(GOOD, b",1991000000000015", b",19910000.00000015"), "expected a whole number"),
        (changed(GOOD, b",1991000000000015", b",nan"), "expected a number of at least 0"),
        (changed(GOOD, LAST, LAST.replace(b"2025-09-27", b"2025-09-25")), "2025-09-25 twice with different figures"),
        (changed(GOOD, LAST, LAST.replace(b"2025-09-27", b"2025-01-27")), "neither up nor down"),
        (changed(GOOD, b"1545999999999970", b"1991000000000016"), r"is above all supply \(1991000000000015\)"),
        (changed(GOOD, b"1545999999999970", b"445000000000045"), "its labels are swapped"),
        (
            json.dumps([{**each, "start": each["start"] - 7, "end": each["end"] - 7} for each in JSON]).encode(),
            "day 61",
        ),
        (json.dumps([*JSON[:-1], {**JSON[-1], "data": JSON[-1]["data"][:-1]}]).encode(), "a figure for each day"),
        (json.dumps([{**each, "data": [None, *each["data"][1:]]} for each in JSON]).encode(), "expected a day like"),
        (json.dumps(JSON[:-1]).encode(), "it has 4 series, expected 5"),
    ],
)
def test_what_cannot_be_trusted_is_refused(content, sentence):
    with pytest.raises(PageRefused, match=sentence):
        bitview.SOURCE.read(content, FLOWS)


def value_line(day, lth_cap="59000000000000", more=""):
    return f"{day},312000000000000,140200000000000,16000000000000,{lth_cap},105000000000000{more}"


def test_the_integer_maximum_of_cents_is_no_number():
    none = str(2**64 - 1)
    found = bitview.SOURCE.read(page(VALUE, value_line("2009-05-01", none)), VALUE)
    assert "lth_realized_cap_cents" not in found["metric"].to_list()
    with pytest.raises(PageRefused, match="lth_realized_cap_cents on 2025-09-24 is '18446744073709551615'"):
        bitview.SOURCE.read(page(VALUE, value_line("2025-09-24", none)), VALUE)


def test_more_series_than_asked_for_are_kept_and_cents_in_dollars_refused():
    header = ",".join(("date", *bitview.RESOURCES[VALUE], "lth_value_destroyed_cumulative_cents"))
    found = bitview.SOURCE.read(page(VALUE, value_line("2025-09-24", more=",187800000000000"), header=header), VALUE)
    assert "lth_value_destroyed_cumulative_cents" in found["metric"].to_list()
    with pytest.raises(PageRefused, match="expected a whole number"):
        bitview.SOURCE.read(page(VALUE, value_line("2025-09-24", more=",1878000000000.5"), header=header), VALUE)


@pytest.mark.parametrize(
    ("resource", "lines", "sentence"),
    [
        (SUPPLY, ["2025-09-24,1991000000000000,0"], "short-term supply is 0 on 2025-09-24"),
        (FLOWS, ["2025-09-24,1991000000000000,1991000000000000,1,1,1"], "short-term supply is 0 on 2025-09-24"),
        (SUPPLY, ["2013-09-24,0,1178000000000000"], "long-term supply is 0 on 2013-09-24"),
        (
            SUPPLY,
            ["2025-09-24,1546739767889617,444798620443706", "2025-09-25,1546661954946536,44492518338674"],
            "both sides together change by -4,003,839 coins from 2025-09-24 to 2025-09-25",
        ),
        (SUPPLY, ["2025-09-24,154673976788961700,44479862044370600"], "so its unit is another"),
    ],
)
def test_sides_that_no_series_has_are_refused(resource, lines, sentence):
    cells = bitview.SOURCE.read(page(resource, *lines), resource)
    with pytest.raises(PageRefused, match=sentence):
        bitview.vet(cells, NO_SESSIONS)


FALL = ["2025-09-24,1546739767889617,444798620443706", "2025-09-25,1046739767889617,944842370443706"]


def test_a_fall_that_no_move_explains_is_held_until_it_is_accepted(tmp_path):
    archive, lake, now = Archive(tmp_path / "archive"), Lake(tmp_path / "lake"), datetime(2025, 9, 26)
    capture = archive.put("bitview", SUPPLY, Served("", page(SUPPLY, *FALL), now), "csv")
    (sentence,) = refresh(bitview.SOURCE, archive, lake, "replay", now).failures
    name = f"{SUPPLY}/{capture.file.split('.')[0]}"
    assert "falls by 5,000,000 coins on 2025-09-25" in sentence
    assert f"flowhouse accept bitview/{name}" in sentence
    assert lake.read("bitview", "supply", {}).is_empty()

    decisions.record(archive, "bitview", decision(bitview.SOURCE, archive, lake, name, True, now), now)
    assert refresh(bitview.SOURCE, archive, lake, "held", now).failures == ()
    assert lake.read("bitview", "supply", {}).height == 4


@pytest.mark.parametrize("by", [1, -1])
def test_a_satoshi_more_or_less_of_a_sum_is_a_change(tmp_path, by):
    archive, lake, now = Archive(tmp_path / "archive"), Lake(tmp_path / "lake"), datetime(2025, 9, 29)
    rows = [*flow_rows()]
    archive.put("bitview", FLOWS, Served("", as_json(rows), datetime(2025, 9, 28)), "json")
    rows[-1][5] += by
    assert float(rows[-1][5]) == float(rows[-1][5] - by)
    archive.put("bitview", FLOWS, Served("", as_json(rows, version=72), datetime(2025, 9, 28, 1)), "json")
    refresh(bitview.SOURCE, archive, lake, "replay", now)
    observed = lake.read("bitview", "supply", {}).filter(
        pl.col("metric") == "transfer_volume_cumulative_sats", pl.col("value_date") == rows[-1][0]
    )
    assert [Decimal(text) for text in observed["raw_text"]] == [rows[-1][5] - by, rows[-1][5]]
    vintages = lake.read("bitview", "supply", {}).filter(pl.col("metric") == "lth_flows_vintage")["value"]
    assert vintages.value_counts().sort("value").rows() == [(426.0, 4), (432.0, 4)]


class Publisher:
    def get(self, url, headers=None):
        return Served(url, b"", datetime(2025, 1, 2))


@pytest.mark.parametrize("resource", bitview.SOURCE.resources)
def test_fetch_asks_for_every_day_but_the_newest_even_when_held(resource):
    (served,) = bitview.fetch(Publisher(), resource, {}, date(2025, 1, 2))
    series = ",".join(("date", *bitview.RESOURCES[resource]))
    assert served.url == f"https://bitview.space/api/series/bulk?series={series}&index=day1&end=-1&format=json"


def test_a_users_own_instance_is_asked_in_the_public_ones_place():
    http = OwnInstance(Publisher(), bitview.INSTANCE, "http://127.0.0.1:3110/brk")
    (served,) = bitview.fetch(http, "prices", {}, date(2025, 1, 2))
    assert served.url.startswith("http://127.0.0.1:3110/brk/api/series/bulk?series=date,price_close_cents&")
