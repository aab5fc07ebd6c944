from datetime import date, datetime, timedelta

import pytest
from derivative_files import Publisher, zipped

from ingestion.errors import PageRefused
from ingestion.sources import binance_open_interest
from ingestion.sources.binance_open_interest import SOURCE

HEADER = ",".join(binance_open_interest.COLUMNS)
DAY = date(2025, 10, 10)


def line(label, coins="100.5", dollars="12000.25", symbol="BTCUSDT"):
    return f"{label},{symbol},{coins},{dollars},1.0,1.1,0.9,0.8"


def read(*lines, day=DAY, resource="BTCUSDT"):
    return SOURCE.read(zipped(f"{resource}-metrics-{day}.csv", *lines), resource)


def at(rows):
    return rows["snapshot_at"].to_list()


def test_a_line_is_a_snapshot_in_coins_and_dollars():
    assert read(HEADER, line("2025-10-10 12:00:00")).to_dicts() == [
        {
            "asset": "BTC",
            "venue": "binance",
            "contract": "BTCUSDT",
            "period_minutes": 5,
            "snapshot_at": datetime(2025, 10, 10, 12),
            "value_date": DAY,
            "margin_kind": "linear",
            "open_interest_native": 100.5,
            "open_interest_usd": 12000.25,
            "high_usd": None,
            "low_usd": None,
        }
    ]


def test_a_contract_on_coins_has_a_face_value_in_dollars_and_needs_no_price():
    for symbol, face in [("BTCUSD_PERP", 100), ("ETHUSD_PERP", 10)]:
        rows = read(HEADER, line("2025-10-10 00:00:00", "7000", "6.25", symbol), resource=symbol)
        assert rows.select("asset", "contract", "margin_kind", "open_interest_native", "open_interest_usd").rows() == [
            (symbol[:3], symbol, "inverse", 6.25, 7000.0 * face)
        ]
        assert at(rows) == [datetime(2025, 10, 10, 0, 5)]  # their labels have always been starts


def test_a_snapshot_at_midnight_counts_for_the_day_that_ends():
    rows = read(HEADER, line("2025-10-10 00:05:00"), line("2025-10-11 00:00:00"))
    assert at(rows) == [datetime(2025, 10, 10, 0, 5), datetime(2025, 10, 11)]
    assert rows["value_date"].to_list() == [DAY, DAY]


def test_labels_are_starts_from_the_file_of_25_june_2026_on():
    """Its midnight stands in two files, for two snapshots."""
    before = read(line("2026-06-25 00:00:00"), day=date(2026, 6, 24))
    after = read(line("2026-06-25 00:00:00"), line("2026-06-25 23:55:00"), day=date(2026, 6, 25))
    assert at(before) == [datetime(2026, 6, 25)]
    assert at(after) == [datetime(2026, 6, 25, 0, 5), datetime(2026, 6, 26)]
    assert before["value_date"].to_list() + after["value_date"].to_list() == [
        date(2026, 6, 24),
        date(2026, 6, 25),
        date(2026, 6, 25),
    ]


@pytest.mark.parametrize("day", [date(2026, 6, 24), date(2026, 6, 25)])
def test_a_whole_day_is_288_snapshots_whatever_its_labels(day):
    start = datetime(day.year, day.month, day.day)
    shift = 0 if day >= date(2026, 6, 25) else 1
    labels = [start + timedelta(minutes=5 * (n + shift)) for n in range(288)]
    for name in (f"BTCUSDT-metrics-{day}.csv", "data.csv"):
        rows = SOURCE.read(zipped(name, *(line(label) for label in labels)), "BTCUSDT")
        assert at(rows) == [start + timedelta(minutes=5 * (n + 1)) for n in range(288)]
        assert set(rows["value_date"]) == {day}


def test_a_header_comes_and_goes():
    assert read(HEADER, line("2025-10-10 12:00:00")).equals(read(line("2025-10-10 12:00:00")))
    with pytest.raises(PageRefused, match="the header create_time, symbol, sum_open_interest_value"):
        read(HEADER.replace("sum_open_interest,sum_open_interest_value", "sum_open_interest_value,sum_open_interest"))


def test_early_files_have_every_row_twice_and_out_of_order():
    one, two = line("2025-10-10 12:00:00"), line("2025-10-10 12:05:00", "99")
    assert read(two, one, one, two).equals(read(one, two))
    with pytest.raises(PageRefused, match="2025-10-10 12:00:00 2025-10-10 twice with different figures"):
        read(one, line("2025-10-10 12:00:00", "101"))


def test_a_blank_is_null_and_never_zero():
    rows = read(line("2025-10-10 12:00:00", "", ""), line("2025-10-10 12:05:00", "0", " "))
    assert rows.select("open_interest_native", "open_interest_usd").rows() == [(None, None), (0.0, None)]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([HEADER], "no line of figures"),
        ([line("2025-10-10 12:00:00"), "2025-10-10 12:05:00,BTCUSDT"], "lines that are not of 8 fields"),
        ([line("2025-10-10 12:00:00") + ",1"], "lines that are not of 8 fields"),
        ([line("1760097600000")], "'1760097600000' as create_time, expected a time"),
        ([line("")], "'None' as create_time"),
        ([line("2025-10-10 12:00:00", "NaN")], "'NaN' as sum_open_interest, expected a number"),
        ([line("2025-10-10 12:00:00", "1", "1.2.3")], "as sum_open_interest_value, expected a number"),
        ([line("2025-10-10 12:00:00", "-1")], "open interest below zero at 2025-10-10 12:00:00"),
        ([line("2025-10-10 12:00:00", symbol="ETHUSDT")], "rows of 'ETHUSDT', expected BTCUSDT"),
        ([line("2025-10-11 00:05:00")], "a row of 2025-10-11"),
        (["<!doctype html>"], "lines that are not of 8 fields"),
    ],
)
def test_what_cannot_be_trusted_is_refused(lines, reason):
    with pytest.raises(PageRefused, match=reason):
        read(*lines)


def test_a_file_of_another_contract_is_refused():
    with pytest.raises(PageRefused, match=r"ETHUSDT-metrics-2025-10-10\.csv as a file of BTCUSDT-metrics"):
        SOURCE.read(zipped("ETHUSDT-metrics-2025-10-10.csv", line("2025-10-10 12:00:00")), "BTCUSDT")


@pytest.mark.parametrize(("resource", "market"), [("BTCUSDT", "um"), ("BTCUSD_PERP", "cm")])
def test_fetch_takes_the_closed_days_not_read_yet(resource, market):
    url = f"https://data.binance.vision/data/futures/{market}/daily/metrics/{resource}/{resource}-metrics-2025-09-0"
    publisher = Publisher({})
    assert [*binance_open_interest.fetch(publisher, resource, {f"{url}1.zip": ""}, date(2025, 9, 4))] == []
    assert publisher.asked == [f"{url}2.zip", f"{url}3.zip"]
