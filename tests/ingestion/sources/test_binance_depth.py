import tracemalloc
from datetime import date, datetime, timedelta

import pytest
from derivative_files import Publisher, zipped

from ingestion.errors import PageRefused
from ingestion.sources import binance_depth
from ingestion.sources.binance_depth import SOURCE

HEADER = "timestamp,percentage,depth,notional"
BANDS = ("-5.00", "-4", "-3", "-2", "-1", "-0.20", "0.20", "1", "2", "3", "4", "5.00")


def read(*lines):
    return SOURCE.read(zipped("BTCUSDT-bookDepth-2025-10-10.csv", *lines), "BTCUSDT")


def test_a_line_is_a_band_of_a_side():
    rows = read(HEADER, "2025-10-10 21:23:04,-5.00,1.5,180000.25", "2025-10-10 21:23:04,0.2,0.5,60000")
    assert rows.to_dicts() == [
        {
            "asset": "BTC",
            "venue": "binance",
            "contract": "BTCUSDT",
            "band_pct": band,
            "side": side,
            "snapshot_at": datetime(2025, 10, 10, 21, 23, 4),
            "value_date": date(2025, 10, 10),
            "depth_native": coins,
            "notional_usd": dollars,
        }
        for band, side, coins, dollars in [(0.2, "ask", 0.5, 60000.0), (5.0, "bid", 1.5, 180000.25)]
    ]


def test_a_band_is_the_same_with_decimals_and_without():
    assert read("2025-10-10 00:00:07,-5.00,1,2").equals(read("2025-10-10 00:00:07,-5,1,2"))
    assert read("2025-10-10 00:00:07,-5.00,1,2", "2025-10-10 00:00:07,-5,1,2").height == 1
    with pytest.raises(PageRefused, match="twice with different figures"):
        read("2025-10-10 00:00:07,-5.00,1,2", "2025-10-10 00:00:07,-5,1,3")


def test_a_snapshot_at_midnight_counts_for_the_day_that_begins():
    assert read("2025-10-10 00:00:00,1,1,2")["value_date"].to_list() == [date(2025, 10, 10)]


def test_a_blank_is_null_and_rows_may_be_out_of_order_and_spaced():
    rows = read(" 2025-10-10 00:01:07, 1,3 ,4", "2025-10-10 00:00:07,1,,")
    assert rows.select("depth_native", "notional_usd").rows() == [(None, None), (3.0, 4.0)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2025-10-10 00:00:07,0,1,2", "a line without a band"),
        ("2025-10-10 00:00:07,,1,2", "a line without a band"),
        ("2025-10-10 00:00:07,1,-1,2", "a depth below zero"),
        ("2025-10-10 00:00:07,1%,1,2", "'1%' as percentage"),
        ("1760054407000,1,1,2", "as timestamp, expected a time"),
        ("2025-10-11 00:00:07,1,1,2", "a row of 2025-10-11"),
        ("2025-10-10 00:00:07,1,1", "lines that are not of 4 fields"),
    ],
)
def test_what_cannot_be_trusted_is_refused(line, reason):
    with pytest.raises(PageRefused, match=reason):
        read(HEADER, *([] if line.count(",") == 3 else ["2025-10-10 00:00:37,1,1,2"]), line)


def test_a_day_of_twelve_bands_is_read_in_bounded_memory():
    """0.2 s; 34,560 rows of nine columns take 3 MB."""
    start = datetime(2025, 10, 10)
    lines = [f"{start + timedelta(seconds=30 * n)},{band},{n}.5,{n}00.25" for n in range(2880) for band in BANDS]
    content = zipped("BTCUSDT-bookDepth-2025-10-10.csv", HEADER, *lines)
    tracemalloc.start()
    rows = SOURCE.read(content, "BTCUSDT")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows.height == 34_560
    assert rows["band_pct"].unique().sort().to_list() == [0.2, 1, 2, 3, 4, 5]
    assert peak < 20_000_000


def test_fetch_takes_both_crashes_and_the_last_weeks_without_what_was_read():
    url = "https://data.binance.vision/data/futures/um/daily/bookDepth/BTCUSDT/BTCUSDT-bookDepth-{}.zip"
    publisher = Publisher({})
    archived = {url.format("2025-10-10"): ""}
    assert [*binance_depth.fetch(publisher, "BTCUSDT", archived, date(2026, 7, 5))] == []
    crashes = [date(2025, 9, 10) + timedelta(n) for n in range(62)]
    recent = [date(2026, 5, 31) + timedelta(n) for n in range(35)]
    assert crashes[-1] == date(2025, 11, 10)
    assert publisher.asked == [url.format(day) for day in [*crashes, *recent] if day != date(2025, 10, 10)]
