import csv
import io
import json
import re
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
        (SUPPLY, ["2009-01-02,1,5000000000"], "it has coins on 2009-01-02, before the first block"),
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


def made(resource, *rows):
    return page(resource, *(",".join(map(str, row)) for row in rows))


DAYS = [str(FIRST + timedelta(at)) for at in range(3)]
ISSUED = [1_992_100_000_000_000 + at * 45_000_000_000 for at in range(3)]
CENTS = [11_330_700, 11_021_100, 10_601_113]


def with_subsidy(*subsidies, days=DAYS):
    return made("supply", *((day, each, 0, 0, each, 0, 0, 0) for day, each in zip(days, subsidies, strict=True)))


def with_cents(*cents, days=DAYS):
    return made("prices", *zip(days, cents, strict=True))


def with_flows(*sums):
    rows = zip(DAYS, sums, strict=True)
    return made(FLOWS, *((day, 15 * 10**14, ISSUED[0], *each) for day, each in rows))


def with_value(*sums):
    return made(VALUE, *((day, *each, 0, 1, 1) for day, each in zip(DAYS, sums, strict=True)))


@pytest.mark.parametrize(
    ("resource", "content", "sentence"),
    [
        (
            "supply",
            with_subsidy(*ISSUED[:2], ISSUED[2] * 10),
            "is 199,219,000 coins, where .* 19,687,500 to 21,000,000",
        ),
        ("supply", with_subsidy(*ISSUED[:2], ISSUED[1] + 10**13), "grows by 100,000 coins to 2025-09-26"),
        ("supply", with_subsidy(*(each // 10**8 for each in ISSUED)), "is 0 coins, where by the schedule"),
        (
            "supply",
            with_subsidy(
                1_968_500_000_000_000,
                1_968_746_000_000_000,
                1_968_791_000_000_000,
                days=["2024-04-11", "2024-04-12", "2024-04-13"],
            ),
            "on 2024-04-13 is 19,687,910 coins, where .* 18,375,000 to 19,687,500 coins?|so its days",
        ),
        (
            FLOWS,
            with_flows((1, 5, 9), (1, 5, 9), (1, 5 + 3 * 10**15, 10**16)),
            "grows by 30,000,000 coins to 2025-09-26",
        ),
        (FLOWS, with_flows((1, 5, 9), (1, 5, 9), (3 * 10**15, 5, 9)), "grows by 30,000,000 coins to 2025-09-26"),
        (FLOWS, with_flows((1, 9, 5), (1, 9, 5), (1, 9, 5)), "so its columns are swapped"),
        (VALUE, with_value((10**9, 10**8), (2 * 10**9, 2 * 10**8), (3 * 10**9, 2 * 10**9)), "what was spent is worth"),
        ("prices", with_cents(*CENTS[:2], 106), "is 1.06 US\\$, which no close of Bitcoin was that year"),
        ("prices", with_cents(*CENTS[:2], 0), "is 0.00 US"),
        ("prices", with_cents(*(each // 100 for each in CENTS)), "so its unit is another"),
        (
            "prices",
            with_cents(500_000, 600_000, 60_000, days=["2020-01-01", "2020-01-02", "2020-01-03"]),
            "it is cut off",
        ),
        ("prices", with_cents(*CENTS[:2], 10**20), "no close of Bitcoin"),
    ],
)
def test_what_cannot_be_issued_spent_or_paid_is_refused(resource, content, sentence):
    with pytest.raises(PageRefused, match=sentence):
        bitview.SOURCE.read(content, resource)


@pytest.mark.parametrize(
    ("resource", "content"),
    [
        ("supply", with_subsidy(*ISSUED)),
        ("supply", with_subsidy(ISSUED[0], ISSUED[0] + 967 * 10**8, ISSUED[0] + 2 * 967 * 10**8)),
        (
            "supply",
            with_subsidy(
                1_968_660_000_000_000,
                1_968_746_000_000_000,
                1_968_791_000_000_000,
                days=["2024-04-18", "2024-04-19", "2024-04-20"],
            ),
        ),
        (VALUE, with_value((0, 0), (50, 51), (10**9, 10**9))),
        ("prices", with_cents(*CENTS)),
        ("prices", with_cents(8290, 16123, 12300, days=["2013-04-11", "2013-04-12", "2013-04-13"])),
        ("prices", with_cents(17, 6, 16, days=["2010-09-15", "2010-09-16", "2010-09-18"])),
    ],
)
def test_what_there_has_been_is_read(resource, content):
    assert bitview.SOURCE.read(content, resource).height


def test_days_before_the_first_block_and_the_market_may_have_zeros():
    cells = supply("2009-01-01,0,0", "2009-01-02,0,0", "2009-01-03,0,5000000000")
    assert bitview.vet(cells, NO_SESSIONS)[0].equals(cells)
    found = bitview.SOURCE.read(with_cents(0, 0, 6, days=["2010-08-13", "2010-08-14", "2010-08-15"]), "prices")
    assert found["value_date"].to_list() == [date(2010, 8, 15)]


def read_in_order(tmp_path, *pages):
    """What reading says of each page in turn, and the lake."""
    archive, lake = Archive(tmp_path / "archive"), Lake(tmp_path / "lake")
    said = []
    for hour, (resource, content) in enumerate(pages):
        now = datetime(2025, 9, 29, hour)
        ext = "json" if content[:1] == b"[" else "csv"
        archive.put("bitview", resource, Served("", content, now), ext)
        said.append(refresh(bitview.SOURCE, archive, lake, "replay", now).failures)
    return said, archive, lake


def restated(column, by, at=1):
    rows = [*flow_rows()]
    for row in rows[at:]:
        row[column] += by
    return rows


SHIFTED = [[row[0] - timedelta(days=1), *row[1:]] for row in flow_rows()]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (as_json(restated(4, 1)), "it would change 2 figures that were known .*, and is of no higher version"),
        (as_json(restated(4, 1), version=70), "is of no higher version"),
        (as_csv(restated(4, 1)), "has no version"),
        (as_json(SHIFTED), "it would change 15 figures that were known"),
        (as_csv(SHIFTED), "it would change 15 figures that were known"),
    ],
)
def test_known_days_that_change_without_a_higher_version_are_held_until_accepted(tmp_path, content, sentence):
    (_, second), archive, lake = read_in_order(tmp_path, (FLOWS, as_json([*flow_rows()])), (FLOWS, content))
    assert re.search(sentence, second[0])
    assert "flowhouse accept bitview/lth_flows/20250929T010000Z" in second[0]
    before = lake.read("bitview", "supply", {})
    assert before["observed_at"].unique().to_list() == [datetime(2025, 9, 29)]

    name, now = f"{FLOWS}/20250929T010000Z", datetime(2025, 9, 29, 2)
    decisions.record(archive, "bitview", decision(bitview.SOURCE, archive, lake, name, True, now), now)
    assert refresh(bitview.SOURCE, archive, lake, "held", now).failures == ()
    assert lake.read("bitview", "supply", {}).height > before.height


@pytest.mark.parametrize(
    "pages",
    [
        [(FLOWS, as_json([*flow_rows()])), (FLOWS, as_json(restated(4, 1), version=72))],
        [(FLOWS, as_json([*flow_rows()])), (FLOWS, as_json(restated(4, 1, at=3)))],
        [(FLOWS, as_json([*flow_rows()])), (FLOWS, as_json([*flow_rows(6)]))],
        [(FLOWS, as_json([*flow_rows()])), (FLOWS, as_csv(flow_rows()))],
        [
            (FLOWS, as_json(restated(2, 1))),
            ("supply", with_subsidy(*ISSUED)),
        ],
    ],
    ids=["a higher version", "the newest day", "more days", "the same without version", "supply of another resource"],
)
def test_what_a_publisher_may_say_later_is_read(tmp_path, pages):
    said, *_ = read_in_order(tmp_path, *pages)
    assert said == [(), ()]


def test_the_same_is_held_where_all_is_read_again(tmp_path):
    first, second = (FLOWS, as_json([*flow_rows()])), (FLOWS, as_json(restated(4, 1)))
    _, archive, lake = read_in_order(tmp_path, first, second)
    anew = Lake(tmp_path / "anew")
    (sentence,) = refresh(bitview.SOURCE, archive, anew, "replay", datetime(2025, 9, 30)).failures
    assert "is of no higher version" in sentence
    assert anew.read("bitview", "supply", {}).equals(lake.read("bitview", "supply", {}))


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
