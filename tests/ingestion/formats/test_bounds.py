"""What junk may cost, and what order of days is one."""

import time
from datetime import date, datetime, timedelta

import pytest

from ingestion.errors import PageRefused
from ingestion.formats import bounds
from ingestion.sources import alternative_me, binance_vision, bitview, holder_series, ishares, prices

PARSERS = (alternative_me, binance_vision, bitview, holder_series, ishares, prices)
JUNK = [b"<a>", b"[", b'{"data":', b"1,", b"date,close\n", b"\n", b",,\n", b"PK\x03\x04", b"\0", "\N{SNOWMAN}".encode()]


@pytest.mark.parametrize("source", PARSERS, ids=lambda source: source.SOURCE.name)
def test_junk_of_40_mb_or_just_small_enough_to_be_read_is_refused_in_seconds(source):
    """The processor time is that of twenty pages."""
    resource = getattr(source.SOURCE, "resources", ["made"])[0]
    started = time.process_time()
    for junk in JUNK:
        for size in (40_000_000, bounds.MAX_BYTES):
            with pytest.raises(PageRefused) as refusal:
                source.SOURCE.read(junk * (size // len(junk)), resource)
            assert len(str(refusal.value)) < 500
    assert time.process_time() - started < 40


def test_days_run_up_or_down():
    first, second, third = (date(2025, 3, 3) + timedelta(days=number) for number in range(3))
    for days in ([], [first], [first, second, third], [third, second, first], [first, first, second]):
        assert bounds.are_in_order(days)
    assert not bounds.are_in_order([first, third, second])


def test_a_publishers_days_in_no_order_are_refused():
    days = [date(2025, 3, 3), date(2025, 3, 5), date(2025, 3, 4)]
    midnights = [int((datetime(day.year, day.month, day.day) - datetime(1970, 1, 1)).total_seconds()) for day in days]
    rows = [alternative_me.Entry("50", "Neutral", str(at)) for at in midnights]
    with pytest.raises(PageRefused, match="neither up nor down"):
        alternative_me.frame(rows, "made")
    assert alternative_me.frame(rows[:2], "made").height == 4
