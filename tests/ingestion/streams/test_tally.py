"""What a segment comes to: events are counted once, and time without a connection not at all."""

import time

import pytest
from streams_made import HOUR, acknowledged, alive, binance, bybit, heard, marked, opened

from ingestion.streams.lines import HOUR_MS, Line
from ingestion.streams.tally import Tally, tally
from ingestion.streams.venues import VENUES


def bybit_tally(*lines: Line, assets: tuple[str, ...] = ("BTC",)) -> Tally:
    return tally([opened(*assets), *lines], VENUES["bybit"])


def covered(found: Tally, asset: str = "BTC") -> float:
    return found.covered_ms[asset] / 1000


DEEP = '{"x":' + "[" * 200_000
WHOLE = [marked(0, "continues"), *alive(20, 3580), marked(3600, "until")]
STANDING = Line(HOUR, before=acknowledged())


def test_a_whole_hour():
    events = [heard(1000.1, bybit(HOUR + 1_000_000)), heard(1000.2, bybit(HOUR + 1_000_100, "Sell", "2"))]
    found = bybit_tally(STANDING, *sorted([*WHOLE, *events], key=lambda line: line.at))
    long, short = found.sums["BTC", "long"], found.sums["BTC", "short"]
    assert (long.events, long.notional_usd, long.largest_usd) == (1, 50_000, 50_000)
    assert (short.events, short.notional_usd) == (1, 200_000)
    assert covered(found) == 3600


def test_an_hour_without_events_is_covered():
    found = bybit_tally(STANDING, *WHOLE)
    assert (found.sums["BTC", "long"].events, covered(found)) == (0, 3600)


def test_covered_from_the_answer_until_the_last_sign_of_life():
    found = bybit_tally(
        marked(100, "connected"), heard(101, acknowledged()), *alive(120, 240), marked(255, "lost"), marked(300, "lost")
    )
    assert covered(found) == 240 - 101


def test_a_topic_that_is_declined_is_not_covered():
    said = heard(1, acknowledged()), heard(1, acknowledged("NIL", success=False))
    found = bybit_tally(marked(0, "connected"), *said, *alive(20, 200), assets=("BTC", "NIL"))
    assert (covered(found), covered(found, "NIL")) == (199, 0)


def test_a_topic_that_is_declined_later_is_covered_until_then():
    said = heard(1, acknowledged()), *alive(20, 100), heard(101, acknowledged(success=False))
    assert covered(bybit_tally(marked(0, "connected"), *said, *alive(120, 200))) == 100


def test_a_connection_that_is_lost_for_a_moment_leaves_a_gap():
    lost = [marked(101, "lost"), marked(102, "connected"), heard(110, acknowledged())]
    found = bybit_tally(marked(0, "connected"), heard(0, acknowledged()), *alive(20, 100), *lost, *alive(120, 200))
    assert covered(found) == 100 + 90


@pytest.mark.parametrize("mark", ["lost", "resumed"])
def test_a_gap_is_not_filled_in(mark):
    again = [marked(200, mark), marked(230, "connected"), heard(231, acknowledged()), *alive(250, 290)]
    found = bybit_tally(marked(0, "connected"), heard(0, acknowledged()), *alive(20, 100), *again)
    assert covered(found) == 100 + (290 - 231)


def test_a_machine_that_slept_leaves_a_gap():
    found = bybit_tally(marked(0, "connected"), heard(0, acknowledged()), *alive(20, 100), *alive(1000, 1100))
    assert covered(found) == 100 + 100


def test_a_clock_that_goes_back_counts_no_time_twice():
    connected = [marked(0, "connected"), heard(0, acknowledged())]
    found = bybit_tally(*connected, *alive(20, 1000), *alive(500, 1100))
    assert covered(found) == 1100


def test_time_outside_the_hour_does_not_count():
    found = bybit_tally(STANDING, marked(-40, "continues"), *alive(-20, 3640))
    assert covered(found) == HOUR_MS / 1000


def test_an_event_that_comes_again_counts_once():
    event = bybit(HOUR + 9_000)
    lost = [marked(20, "lost"), marked(21, "connected"), heard(21, acknowledged())]
    found = bybit_tally(marked(0, "connected"), heard(0, acknowledged()), heard(10, event), *lost, heard(22, event))
    total = found.sums["BTC", "long"]
    assert (total.events, total.notional_usd, total.repeated) == (1, 50_000, 1)


def test_an_event_of_the_hour_before_that_comes_again_does_not_count():
    event = bybit(HOUR - 5_000)
    found = bybit_tally(Line(HOUR - 4_900, before=event), marked(0, "connected"), heard(1, event))
    assert (found.sums["BTC", "long"].events, found.sums["BTC", "long"].repeated) == (0, 1)


def test_equal_events_of_one_message_are_several():
    twice, thrice = bybit(HOUR, count=2), bybit(HOUR, count=3)
    found = bybit_tally(marked(0, "connected"), heard(1, twice), heard(2, twice), heard(3, thrice))
    assert (found.sums["BTC", "long"].events, found.sums["BTC", "long"].repeated) == (3, 4)


@pytest.mark.parametrize(
    ("seconds", "is_counted"), [(-120, True), (-121, False), (60, True), (61, False), (-1e9, False)]
)
def test_an_event_dated_far_from_when_it_came_is_kept_apart(seconds, is_counted):
    found = bybit_tally(marked(0, "connected"), heard(10, bybit(HOUR + 10_000 + round(seconds * 1000))))
    total = found.sums["BTC", "long"]
    assert (total.events, total.misdated) == ((1, 0) if is_counted else (0, 1))
    assert total.notional_usd == (50_000 if is_counted else 0)


def test_messages_that_cannot_be_read_are_counted():
    found = bybit_tally(
        marked(0, "connected"), heard(1, "junk"), heard(2, '{"a":1}'), heard(2, DEEP), heard(3, bybit(HOUR))
    )
    assert (found.unread, found.sums["BTC", "long"].events) == (3, 1)


def test_a_market_that_is_silent_for_longer_than_it_can_be_was_not_listened_to():
    """The former address of Binance's stream still connects, and never pushes anything."""
    first = [marked(0, "connected"), *alive(20, 100), heard(100, binance(HOUR + 100_000))]
    early = [*first, *alive(120, 3580), marked(3600, "until")]
    assert tally([opened(), *early], VENUES["binance"]).covered_ms["BTC"] == 100_000
    later = sorted([*early, heard(1890, binance(HOUR + 1_890_000))], key=lambda line: line.at)
    assert tally([opened(), *later], VENUES["binance"]).covered_ms["BTC"] == HOUR_MS


def test_other_assets_are_not_counted():
    found = bybit_tally(marked(0, "connected"), heard(1, bybit(HOUR, asset="PEPE")))
    assert {*found.sums} == {("BTC", "long"), ("BTC", "short")}
    assert not any(each.events for each in found.sums.values())


def test_a_market_that_was_silent_until_it_was_connected_to_again_was_not_listened_to():
    silent = [marked(0, "connected"), *alive(20, 2400), marked(2401, "lost")]
    again = [marked(2420, "connected"), *alive(2440, 2500), heard(2510, binance(HOUR + 2_510_000)), *alive(2520, 3580)]
    found = tally([opened(), *silent, *again, marked(3600, "until")], VENUES["binance"])
    assert found.covered_ms["BTC"] == (3600 - 2420) * 1000


def test_a_crash_is_counted_in_seconds():
    """The time is that of one message after the other: what was seen before is not gone through again."""
    pushes = [heard(each / 10, bybit(HOUR + 100 * each)) for each in range(20_000)]
    began = time.process_time()
    assert bybit_tally(marked(0, "connected"), *pushes).sums["BTC", "long"].events == 20_000
    assert time.process_time() - began < 4
