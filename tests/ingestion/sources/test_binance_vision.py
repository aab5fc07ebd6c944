import hashlib
import random
import tracemalloc
import zipfile
from collections import Counter
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from io import BytesIO

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.archive import Served
from ingestion.errors import FetchFailed, PageRefused
from ingestion.sources import binance_vision
from ingestion.transport.errors import NotPublished

MONTHLY = "https://data.binance.vision/data/spot/monthly/klines/BTCUSDT/1d/BTCUSDT-1d-"
DAILY = "https://data.binance.vision/data/spot/daily/klines/BTCUSDT/1d/BTCUSDT-1d-"
HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
NEW_YEAR = date(2025, 1, 1)


def bar(day=NEW_YEAR, prices="20.5,30.25,10.125,25", volume="7.5", per_second=1_000_000):
    """A line of the CSV; `prices` are open, high, low, close."""
    opened = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * per_second
    return f"{opened},{prices},{volume},{opened + 86_400 * per_second - 1},150.0,3,1.0,20.0,0"


def zipped(*lines, names=("made.csv",)):
    """A zip as Binance publishes it; several `names` have the same content."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), "".join(f"{line}\n" for line in lines), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def cells(*lines, resource="BTCUSDT_1d"):
    return binance_vision.frame(binance_vision.parse(zipped(*lines)), resource)


class Publisher:
    """Serves what it has, 404 for the rest; an exception in place of content is raised."""

    def __init__(self, contents):
        self.contents = contents
        self.asked = []

    def get(self, url):
        self.asked.append(url)
        content = self.contents.get(url, NotPublished(f"{url} answered 404."))
        if isinstance(content, Exception):
            raise content
        return Served(url, content, datetime(2025, 1, 5))

    def fetched(self, day, held=()):
        held = held if isinstance(held, dict) else dict.fromkeys(held, "")
        return [served.url for served in binance_vision.fetch(self, "BTCUSDT_1d", held, day)]


def months(first, last):
    """Labels such as 2023-06, both ends included."""
    return [f"{y}-{m:02}" for y in range(2023, 2027) for m in range(1, 13) if first <= f"{y}-{m:02}" <= last]


def test_a_bar_becomes_five_cells():
    found = cells(bar(), resource="ETHUSDT_1d")
    assert found.schema == binance_vision.SOURCE.key | {"raw_text": pl.String, "value": pl.Float64}
    assert found.rows() == [
        ("ETH", "binance", NEW_YEAR, "open_usd", "20.5", 20.5),
        ("ETH", "binance", NEW_YEAR, "high_usd", "30.25", 30.25),
        ("ETH", "binance", NEW_YEAR, "low_usd", "10.125", 10.125),
        ("ETH", "binance", NEW_YEAR, "close_usd", "25", 25.0),
        ("ETH", "binance", NEW_YEAR, "volume_native", "7.5", 7.5),
    ]


@given(
    st.dates(date(2001, 9, 10), date(2100, 1, 1)),
    st.lists(st.decimals("0.00000001", "999999.99999999", places=8), min_size=4, max_size=4),
    st.decimals(0, 10**9, places=8),
)
def test_milliseconds_and_microseconds_state_the_same_bar(day, prices, volume):
    low, close, open_, high = sorted(prices)
    served = [f"{figure:f}" for figure in (open_, high, low, close, volume)]
    found = cells(bar(day, ",".join(served[:4]), served[4], per_second=1_000_000))
    assert found.equals(cells(bar(day, ",".join(served[:4]), served[4], per_second=1_000)))
    assert found["value_date"].unique().to_list() == [day]
    assert found["raw_text"].to_list() == served
    assert found["value"].to_list() == [float(text) for text in served]


def test_a_header_row_is_accepted_in_the_known_order_only():
    assert cells(HEADER, bar()).equals(cells(bar()))
    with pytest.raises(PageRefused, match="the header open_time,"):
        cells(HEADER.replace("high,low", "low,high"), bar())


@pytest.mark.parametrize("lines", [(), (HEADER,)])
def test_a_file_without_bars_is_refused(lines):
    with pytest.raises(PageRefused, match="a file without bars"):
        cells(*lines)


def test_a_zip_holds_one_file():
    with pytest.raises(PageRefused, match="a zip of 2 files"):
        binance_vision.parse(zipped(bar(), names=("made.csv", "other.csv")))
    with pytest.raises(PageRefused, match="a zip of 0 files"):
        binance_vision.parse(zipped(names=()))


def test_a_zip_bomb_is_refused_without_unpacking_it():
    bomb = zipped("0" * 50_000_000)
    assert len(bomb) < 100_000
    tracemalloc.start()
    with pytest.raises(PageRefused, match="a CSV of more than 1000000 bytes"):
        binance_vision.parse(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000


@given(st.integers(0, len(zipped(bar())) - 1))
def test_a_zip_cut_short_is_refused(length):
    with pytest.raises(PageRefused):
        binance_vision.parse(zipped(bar())[:length])


def test_a_wrong_bit_anywhere_is_refused_or_does_no_harm():
    whole = zipped(bar())
    accepted = []
    for place in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            with suppress(PageRefused):
                accepted.append(binance_vision.parse(bytes(damaged)))
    assert all(rows == binance_vision.parse(whole) for rows in accepted)


def test_a_wrong_checksum_inside_the_zip_is_refused():
    stored = BytesIO()
    with zipfile.ZipFile(stored, "w") as archive:
        archive.writestr("made.csv", bar())
    with pytest.raises(PageRefused, match="CRC"):
        binance_vision.parse(stored.getvalue().replace(b"30.25", b"30.75"))


@pytest.mark.parametrize(
    "content", [b"", b"<html>", zipped(bar() + ",0"), zipped(bar()[:-2]), zipped("some text"), zipped(bar() + "\u00a0")]
)
def test_what_is_no_file_of_bars_is_refused(content):
    with pytest.raises(PageRefused):
        binance_vision.parse(content)


@pytest.mark.parametrize("opened", ["1735689600", "173568960000x", "", "-1735689600000", "1735689600000.0"])
def test_an_opening_time_in_other_units_is_refused(opened):
    with pytest.raises(PageRefused, match="the opening time"):
        cells(opened + bar()[16:])


def test_a_bar_opens_at_midnight_utc():
    with pytest.raises(PageRefused, match=r"opens at 2025-01-01 00:00:00\.001000 UTC, expected 00:00"):
        cells(bar().replace("1735689600000000", "1735689600001000"))


@pytest.mark.parametrize("figure", ["", "-7.5", "NaN", "1e3", "1_000", "Infinity", "7 "])
@pytest.mark.parametrize("place", range(1, 6))
def test_a_number_that_does_not_parse_is_refused(place, figure):
    fields = bar().split(",")
    fields[place] = figure
    with pytest.raises(PageRefused, match="on 2025-01-01, expected a number"):
        cells(",".join(fields))


@pytest.mark.parametrize(
    "prices",
    [
        "20,10,30,20",  # high below low
        "20,30,10,31",  # close above high
        "20,30,10,9",  # close below low
        "31,30,10,20",  # open above high
        "9,30,10,20",  # open below low
        "0,30,0,20",  # no price
        "0,0,0,0",
    ],
)
def test_prices_that_cannot_be_are_refused(prices):
    with pytest.raises(PageRefused, match="prices on 2025-01-01"):
        cells(bar(prices=prices))


def test_a_day_without_trades_has_a_volume_of_zero():
    assert cells(bar(prices="5,5,5,5", volume="0.00000000"))["value"].to_list() == [5, 5, 5, 5, 0]


def test_a_day_served_twice_counts_once_when_identical():
    assert cells(bar(), bar()).equals(cells(bar()))
    with pytest.raises(PageRefused, match="2025-01-01 twice with different figures"):
        cells(bar(), bar(volume="8"))


def test_fetch_takes_closed_months_then_the_closed_days_of_this_one():
    wanted = [f"{MONTHLY}{month}.zip" for month in months("2023-06", "2024-12")]
    wanted += [f"{DAILY}2025-01-0{n}.zip" for n in (1, 2, 3)]
    publisher = Publisher(dict.fromkeys([*wanted, f"{DAILY}2025-01-04.zip", f"{MONTHLY}2025-01.zip"], b""))
    assert publisher.fetched(date(2025, 1, 4)) == wanted


def test_fetch_does_not_ask_for_what_is_held():
    held = [f"{MONTHLY}{month}.zip" for month in months("2023-06", "2024-12")] + [f"{DAILY}2025-01-01.zip"]
    publisher = Publisher({f"{DAILY}2025-01-02.zip": b""})
    assert publisher.fetched(date(2025, 1, 3), held) == [f"{DAILY}2025-01-02.zip"]
    assert publisher.asked == [f"{DAILY}2025-01-02.zip", f"{DAILY}2025-01-02.zip.CHECKSUM"]


def test_a_month_not_filed_yet_is_taken_by_its_days():
    held = [f"{MONTHLY}{month}.zip" for month in months("2023-06", "2024-11")]
    december = [f"{DAILY}2024-12-{n:02}.zip" for n in range(1, 32) if n != 30]
    january = [f"{DAILY}2025-01-01.zip"]
    publisher = Publisher(dict.fromkeys(december + january, b""))
    assert publisher.fetched(date(2025, 1, 2), held) == december + january
    assert publisher.fetched(date(2025, 1, 1), held + december) == []


def test_a_file_is_checked_against_its_checksum():
    url = f"{DAILY}2025-01-01.zip"
    held = [f"{MONTHLY}{month}.zip" for month in months("2023-06", "2024-12")]
    stated = f"{hashlib.sha256(b'made').hexdigest()}  BTCUSDT-1d-2025-01-01.zip\n".encode()
    assert Publisher({url: b"made", f"{url}.CHECKSUM": stated}).fetched(date(2025, 1, 2), held) == [url]
    for wrong in (stated.replace(stated[:1], b"x"), b"", b"<html>"):
        with pytest.raises(PageRefused, match=r"2025-01-01\.zip does not have the sha256"):
            Publisher({url: b"made", f"{url}.CHECKSUM": wrong}).fetched(date(2025, 1, 2), held)


@pytest.mark.parametrize("ending", ["", ".CHECKSUM"])
def test_a_failure_is_not_taken_for_a_file_that_is_not_there(ending):
    url = f"{MONTHLY}2023-06.zip"
    publisher = Publisher({url: b"made", f"{url}{ending}": FetchFailed("Down: try again later.")})
    with pytest.raises(FetchFailed, match="Down"):
        publisher.fetched(date(2023, 7, 1))


def test_days_of_a_leap_february():
    held = [f"{MONTHLY}{month}.zip" for month in months("2023-06", "2024-01")]
    publisher = Publisher({})
    assert publisher.fetched(date(2024, 3, 1), held) == []
    days = [date(2024, 2, 1) + timedelta(n) for n in range(29)]
    assert publisher.asked == [f"{MONTHLY}2024-02.zip", *(f"{DAILY}{day}.zip" for day in days)]


def test_a_header_row_in_any_case_is_a_header():
    for header in (HEADER.upper(), HEADER.title(), HEADER.replace(",", ", ")):
        assert cells(header, bar()).equals(cells(bar()))


@pytest.mark.parametrize(
    ("name", "resource"),
    [
        ("ETHUSDT-1d-2025-01.csv", "BTCUSDT_1d"),
        ("BTCUSDT-1d-2025-01.csv", "ETHUSDT_1d"),
        ("BTCUSDT-1h-2025-01.csv", "BTCUSDT_1d"),
        ("BTCUSDT-1d-2025-02.csv", "BTCUSDT_1d"),
        ("BTCUSDT-1d-2024-12.csv", "BTCUSDT_1d"),
        ("BTCUSDT-1d-2025-01-02.csv", "BTCUSDT_1d"),
    ],
)
def test_a_file_of_another_symbol_or_period_is_refused_by_its_name(name, resource):
    with pytest.raises(PageRefused, match=name):
        binance_vision.frame(binance_vision.parse(zipped(bar(), names=(name,))), resource)


@pytest.mark.parametrize("name", ["BTCUSDT-1d-2025-01.csv", "BTCUSDT-1d-2025-01-01.csv", "data.csv"])
def test_a_file_of_the_symbol_and_period_of_its_name_is_read(name):
    assert binance_vision.frame(binance_vision.parse(zipped(bar(), names=(name,))), "BTCUSDT_1d").height == 5


def test_days_that_run_neither_up_nor_down_are_refused():
    first, second, third = (bar(NEW_YEAR + timedelta(n)) for n in range(3))
    assert cells(third, second, first).height == 15
    with pytest.raises(PageRefused, match="neither up nor down"):
        cells(first, third, second)


def test_a_price_of_5000_digits_is_refused_in_a_short_sentence():
    with pytest.raises(PageRefused, match="expected a number") as refusal:
        cells(bar(volume="9" * 5000))
    assert len(str(refusal.value)) < 300


def test_a_zip_of_40_mb_is_refused_unread():
    with pytest.raises(PageRefused, match="more than 1000000 bytes"):
        binance_vision.parse(zipped(bar()) + b"\0" * 40_000_000)


# The archive holds all months up to the end of 2024, and it is 4 January 2025 or later.

HELD = {f"{MONTHLY}{month}.zip": "" for month in months("2023-06", "2024-11")}
DECEMBER = f"{MONTHLY}2024-12.zip"


def of_december(*days):
    return zipped(*(bar(date(2024, 12, day)) for day in days), names=("BTCUSDT-1d-2024-12.csv",))


def test_a_month_that_lacks_days_comes_with_the_files_of_those_days():
    served = {DECEMBER: of_december(*(day for day in range(1, 32) if day not in (7, 9)))}
    served |= {f"{DAILY}2024-12-0{day}.zip": zipped(bar(date(2024, 12, day))) for day in (7, 8)}
    assert Publisher(served).fetched(date(2025, 1, 1), HELD) == [f"{DAILY}2024-12-07.zip", DECEMBER]


def test_a_month_is_not_filed_before_the_days_that_it_lacks():
    served = {DECEMBER: of_december(*range(1, 31)), f"{DAILY}2024-12-31.zip": FetchFailed("Down: try again later.")}
    with pytest.raises(FetchFailed, match="Down"):
        Publisher(served).fetched(date(2025, 1, 1), HELD)


def stated(content):
    return f"{hashlib.sha256(content).hexdigest()}  made.zip".encode()


def test_a_file_that_binance_replaced_is_fetched_again():
    old, new = of_december(*range(1, 32)), of_december(*range(1, 32)) + b" "
    held = HELD | {DECEMBER: hashlib.sha256(old).hexdigest()}
    assert Publisher({DECEMBER: new, f"{DECEMBER}.CHECKSUM": stated(old)}).fetched(date(2025, 1, 1), held) == []
    assert Publisher({DECEMBER: new, f"{DECEMBER}.CHECKSUM": stated(new)}).fetched(date(2025, 1, 1), held) == [DECEMBER]
    wrong_for_good = Publisher({DECEMBER: old, f"{DECEMBER}.CHECKSUM": stated(b"")})
    assert wrong_for_good.fetched(date(2025, 1, 1), held) == []


def test_every_month_is_compared_within_as_many_days_as_there_are_months_and_the_recent_ones_daily():
    held = dict.fromkeys(HELD, "0") | {DECEMBER: "0"}
    asked = []
    for day in range(1, 20):
        publisher = Publisher({})
        publisher.fetched(date(2025, 1, day), held)
        compared = [url for url in publisher.asked if "/monthly/" in url]
        assert [url[-20:-13] for url in compared[:3]] == ["2024-10", "2024-11", "2024-12"]
        assert len(compared) == 4
        asked += compared
    assert len(set(asked)) == len(held)


@pytest.mark.parametrize(("day", "is_taken"), [(date(2025, 1, 7), False), (date(2025, 1, 8), True)])
def test_a_checksum_that_is_wrong_for_a_week_does_not_keep_a_file_back(day, is_taken):
    content = of_december(*range(1, 32))
    publisher = Publisher({DECEMBER: content, f"{DECEMBER}.CHECKSUM": stated(b"another")})
    held = HELD | {f"{DAILY}2025-01-0{n}.zip": "" for n in range(1, 8)}
    held |= {f"{DAILY}{date(2024, 12, 1) + timedelta(n)}.zip": "" for n in range(31)}
    fetched = []
    with pytest.raises(PageRefused, match=r"2024-12\.zip does not have the sha256") as refusal:
        fetched.extend(served.url for served in binance_vision.fetch(publisher, "BTCUSDT_1d", held, day))
    assert (fetched == [DECEMBER]) == ("the file is read" in str(refusal.value)) == is_taken
    assert publisher.asked.count(DECEMBER) == 2


def test_a_file_with_another_name_than_asked_for_is_not_filed_and_keeps_no_other_back():
    held = HELD | {DECEMBER: ""}
    served = {
        f"{DAILY}2025-01-0{n}.zip": zipped(bar(), names=(f"BTCUSDT-1d-2025-01-0{m}.csv",)) for n, m in ((1, 2), (2, 2))
    }
    fetched = []
    with pytest.raises(PageRefused, match=r"2025-01-01\.zip has the file BTCUSDT-1d-2025-01-02\.csv"):
        fetched.extend(
            each.url for each in binance_vision.fetch(Publisher(served), "BTCUSDT_1d", held, date(2025, 1, 3))
        )
    assert fetched == [f"{DAILY}2025-01-02.zip"]


def mutated_line(draw, line):
    """One of its first six fields changed as by hand."""
    fields, at = line.split(","), draw.randrange(6)
    text = fields[at]
    place = draw.randrange(len(text))
    wrong = (text[:place] + text[place + 1 :], text[:place] + text[place] + text[place:], "", "-" + text, "9" * 5000)
    fields[at] = draw.choice([*wrong, text.replace(".", ","), str(float(text) * 1000)])
    return ",".join(fields)


def test_zips_with_one_thing_wrong_are_refused_right_or_within_the_days_range():
    """What a file cannot tell: another volume, and an opening or closing price within the day's range."""
    draw, outcomes = random.Random(12), Counter()
    lines = [bar(date(2025, 1, day), prices="20.5,30.25,10.125,25.75") for day in range(1, 32)]
    right = cells(*lines)
    for _ in range(500):
        served, at = [*lines], draw.randrange(31)
        kind = draw.choice(["field", "field", "field", "gone", "exchanged", "twice", "month", "symbol"])
        name = {"month": "BTCUSDT-1d-2025-02.csv", "symbol": "ETHUSDT-1d-2025-01.csv"}.get(
            kind, "BTCUSDT-1d-2025-01.csv"
        )
        if kind == "field":
            served[at] = mutated_line(draw, served[at])
        elif kind == "gone":
            del served[at]
        elif kind == "exchanged":
            served[at - 1], served[at] = served[at], served[at - 1]
        elif kind == "twice":
            served.insert(at, bar(date(2025, 1, at + 1), prices="20.5,30.25,10.125,26"))
        try:
            found = binance_vision.SOURCE.read(zipped(*served, names=(name,)), "BTCUSDT_1d")
        except PageRefused:
            outcomes["refused"] += 1
            continue
        changed = found.join(right, on=["value_date", "metric"]).filter(pl.col("value") != pl.col("value_right"))
        outcomes["unseen" if changed.height else "right"] += 1
        prices = changed.filter(pl.col("metric").is_in(["open_usd", "close_usd"]))
        assert prices["value"].is_between(10.125, 30.25).all()
        assert kind in ("field", "gone")
    print(dict(outcomes))
    assert outcomes["refused"] > 300
    assert outcomes["unseen"] < 100


def test_a_file_of_another_month_than_its_address_says_is_refused():
    content = zipped(bar(), names=("BTCUSDT-1d-2025-01.csv",))
    binance_vision.check_address(content, f"{MONTHLY}2025-01.zip")
    binance_vision.check_address(zipped(bar()), f"{MONTHLY}2025-02.zip")  # a name that says nothing
    with pytest.raises(PageRefused, match="at the address of BTCUSDT-1d-2025-02"):
        binance_vision.check_address(content, f"{MONTHLY}2025-02.zip")
