from datetime import date, datetime

import pytest
from derivative_files import Publisher, zipped
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.errors import PageRefused
from ingestion.sources import binance_funding
from ingestion.sources.binance_funding import SOURCE

HEADER = "calc_time,funding_interval_hours,last_funding_rate"


def line(*at, jitter=0, hours="8", rate="0.00010000", per_second=1000):
    return f"{round((datetime(*at) - datetime(1970, 1, 1)).total_seconds()) * per_second + jitter},{hours},{rate}"


def read(*lines, resource="BTCUSDT", name=None):
    return SOURCE.read(zipped(name or f"{resource}-fundingRate-2025-11.csv", *lines), resource)


def test_a_line_is_a_settlement():
    assert read(HEADER, line(2025, 11, 3, 8, rate="-0.00003055")).to_dicts() == [
        {
            "asset": "BTC",
            "venue": "binance",
            "contract": "BTCUSDT",
            "kind": "settled",
            "settled_at": datetime(2025, 11, 3, 8),
            "value_date": date(2025, 11, 3),
            "rate": -0.00003055,
            "interval_hours": 8,
        }
    ]


@settings(deadline=None)
@given(st.integers(-60_000, 60_000))
def test_a_settlement_counts_at_its_hour(jitter):
    assert read(line(2025, 11, 3, 8, jitter=jitter)).equals(read(line(2025, 11, 3, 8)))


@pytest.mark.parametrize("jitter", [-60_001, 60_001, 1_800_000])
def test_a_time_near_no_hour_is_refused(jitter):
    with pytest.raises(PageRefused, match="as settled_at, expected a time at an hour"):
        read(line(2025, 11, 3, 8, jitter=jitter))


def test_a_settlement_at_midnight_counts_for_the_day_that_begins():
    assert read(line(2025, 11, 4, jitter=7))["value_date"].to_list() == [date(2025, 11, 4)]


def test_milliseconds_and_microseconds_may_be_mixed_and_the_header_may_lack():
    mixed = read(line(2025, 11, 3, 8, jitter=1_000, per_second=1_000_000), line(2025, 11, 3, 0, jitter=1))
    assert mixed.equals(read(HEADER, line(2025, 11, 3, 0), line(2025, 11, 3, 8)))


@pytest.mark.parametrize("hours", [1, 4, 8])
def test_intervals_are_as_stated(hours):
    assert read(line(2025, 11, 3, 8, hours=hours))["interval_hours"].to_list() == [hours]
    assert read(line(2025, 11, 3, 8, hours=""))["interval_hours"].to_list() == [None]


@pytest.mark.parametrize("hours", ["8.5", "7", "0", "1e9"])
def test_an_interval_that_divides_no_day_is_refused(hours):
    with pytest.raises(PageRefused, match=r"a funding interval of .* hours"):
        read(line(2025, 11, 3, 8, hours=hours))


def test_two_stamps_of_one_hour_are_one_settlement_where_they_agree():
    assert read(line(2025, 11, 3, 8), line(2025, 11, 3, 8, jitter=7)).height == 1
    with pytest.raises(PageRefused, match="twice with different figures"):
        read(line(2025, 11, 3, 8), line(2025, 11, 3, 8, jitter=7, rate="0.5"))


def test_a_rate_of_zero_is_written_in_two_ways_and_a_blank_is_none():
    rates = read(line(2025, 11, 3, 0, rate="0E-8"), line(2025, 11, 3, 8, rate="0"), line(2025, 11, 3, 16, rate=""))
    assert rates["rate"].to_list() == [0.0, 0.0, None]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([HEADER], "no line of figures"),
        (["1760169600,8,0.1"], "'1760169600' as calc_time, expected milliseconds"),
        ([line(2025, 11, 3, 8, rate="inf")], "'inf' as last_funding_rate, expected a number"),
        ([line(2025, 11, 3, 8, hours="5")], "a funding interval of 5 hours"),
        ([line(2025, 10, 31, 16)], "a row of 2025-10-31"),
    ],
)
def test_what_cannot_be_trusted_is_refused(lines, reason):
    with pytest.raises(PageRefused, match=reason):
        read(*lines)


def test_fetch_takes_the_closed_months_not_read_yet():
    url = "https://data.binance.vision/data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-0"
    publisher = Publisher({})
    assert [*binance_funding.fetch(publisher, "BTCUSDT", {f"{url}1.zip": ""}, date(2024, 3, 5))] == []
    assert publisher.asked == [f"{url}2.zip"]
