import hashlib
import json
import re
from datetime import date, datetime, timedelta

import pytest

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.formats.liquidations import epoch
from ingestion.sources import bitfinex_liquidations
from ingestion.sources.bitfinex_liquidations import SOURCE

AT = datetime(2025, 10, 10, 21)


def event(at=AT, pair="tBTCF0:USTF0", amount=2.0, price=100.0, is_match=1, position=1):
    """A line of the history; the entry price of the position, 90, is no price of its liquidation."""
    return [["pos", position, epoch(at) * 1000, None, pair, amount, 90.0, None, is_match, 1, None, price]]


def events(count, at=AT, minutes=0):
    """So many liquidations, each so many minutes after the one before it."""
    return [event(at + n * timedelta(minutes=minutes), position=n) for n in range(count)]


def read(*lines):
    return SOURCE.read(json.dumps(lines).encode(), "hist")


def known(found, *columns):
    """The rows in which something happened, or of which nothing is known."""
    return found.filter(found["events"] > 0).select(*columns).rows()


def test_a_position_above_zero_is_a_long_that_is_closed():
    found = read(event(), event(amount=-3.0, position=2), event(pair="tETHUSD", position=3))
    assert known(found, "asset", "side", "notional_usd", "events", "largest_usd", "coverage") == [
        ("BTC", "long", 200.0, 1, 200.0, "all_fills"),
        ("BTC", "short", 300.0, 1, 300.0, "all_fills"),
        ("ETH", "long", 200.0, 1, 200.0, "all_fills"),
    ]


def test_seconds_and_milliseconds_are_one_time():
    in_seconds = event()
    in_seconds[0][2] //= 1000
    assert read(in_seconds).equals(read(event()))


def test_lines_without_a_list_of_their_own_are_read():
    lines = [event()[0], event(position=2)[0]]
    assert read(*lines).equals(read(event(), event(position=2)))


def test_a_trigger_is_not_counted_beside_its_execution_nor_a_line_twice():
    found = read(event(is_match=0), event(), event(), event(position=2, amount=1.0))
    assert known(found, "notional_usd", "events", "largest_usd") == [(300.0, 2, 200.0)]


def test_hours_without_liquidations_are_zeros_until_the_last_event():
    found = read(event(AT + timedelta(minutes=59)), event(AT + timedelta(hours=2), pair="tETHF0:USTF0"))
    bitcoin = found.filter((found["asset"] == "BTC") & (found["side"] == "long"))
    assert bitcoin["period_start_at"].to_list() == [AT + n * timedelta(hours=1) for n in range(3)]
    assert bitcoin["notional_usd"].to_list() == [200.0, 0.0, 0.0]
    assert set(found["covered_seconds"]) == {3600}
    assert found.height == 3 * 2 * len(bitfinex_liquidations.ASSETS)


def test_an_event_without_a_price_leaves_its_hour_without_a_figure():
    found = read(event(price=None), event(position=2))
    assert known(found, "notional_usd", "events", "covered_seconds") == [(None, 2, 0)]


@pytest.mark.parametrize("pair", ["tBTCEUR", "tETHBTC", "tUSTUSD", "tTESTBTC:TESTUSD", "tAVAX:USD"])
def test_other_pairs_are_left_out(pair):
    assert not known(read(event(pair=pair)), "asset")


@pytest.mark.parametrize("pair", ["tDOGE:USD", "tDOGE:UST", "tDOGEF0:USTF0", "tDOGEUSD"])
def test_pairs_against_dollars_are_of_their_asset(pair):
    assert known(read(event(pair=pair)), "asset") == [("DOGE",)]


def test_the_last_hour_of_a_full_answer_comes_with_the_next():
    full = read(*events(500, minutes=1))
    last = AT + timedelta(minutes=499)
    assert full["period_start_at"].max() == last.replace(minute=0) - timedelta(hours=1)
    assert full["events"].sum() == 480  # eight whole hours
    short = read(*events(499, minutes=1))
    assert short["events"].sum() == 499


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (events(500), "500 events of one hour"),
        (["error", 11010, "ratelimit: error"], "another shape"),
        ([[["pos", 1, 2]]], "another shape"),
        ([[["pos", 1, "x", None, "tBTCUSD", 1, 1, None, 1, 1, None, 1]]], "another shape"),
        ([[["pos", 1, 5, None, "tBTCUSD", 1, 1, None, 1, 1, None, 1]]], "the time 5"),
        ([event(AT), event(AT + timedelta(days=400))], "events of .* and of .* in one answer"),
        ([], "no figure"),
    ],
)
def test_an_answer_that_cannot_be_trusted_is_refused(lines, reason):
    with pytest.raises(PageRefused, match=reason):
        read(*lines)


class Bitfinex:
    """Serves what it has in pages of 500 at most, whatever is asked for."""

    def __init__(self, lines, most=500):
        self.lines, self.most = lines, most
        self.asked = []

    def get(self, url):
        self.asked.append(url)
        start, end, limit = map(int, re.findall(r"=([0-9]+)(?=&)", url))
        lines = [line for line in self.lines if start <= line[0][2] < end][: min(limit, self.most)]
        return Served(url, json.dumps(lines).encode(), datetime(2025, 10, 20))

    def fetched(self, archived=None, day=date(2025, 10, 20)):
        return [*bitfinex_liquidations.fetch(self, "hist", archived or {}, day)]


def counted(pages):
    """Number of liquidations per hour over pages; an hour comes from one page alone."""
    hours = {}
    for page in pages:
        rows = SOURCE.read(page.content, "hist").filter(asset="BTC", side="long")
        hours |= {row["period_start_at"]: row["events"] for row in rows.iter_rows(named=True)}
    return hours


def test_pages_are_read_on_until_all_is_there():
    venue = Bitfinex(events(1_200, minutes=1))
    hours = counted(venue.fetched())
    assert sum(hours.values()) == 1_200
    assert [at - AT for at in sorted(hours)] == [n * timedelta(hours=1) for n in range(len(hours))]
    assert len(venue.asked) == 3


def test_an_ask_takes_three_pages_and_the_next_goes_on():
    venue = Bitfinex(events(2_400, minutes=1))
    first = venue.fetched()
    assert len(first) == 3
    archived = {page.url: hashlib.sha256(page.content).hexdigest() for page in first}
    second = venue.fetched(archived)
    assert not {page.url for page in first} & {page.url for page in second}
    archived |= {page.url: hashlib.sha256(page.content).hexdigest() for page in second}
    assert sum(counted([*first, *second, *venue.fetched(archived)]).values()) == 2_400


def test_a_page_that_repeats_whatever_is_asked_is_refused():
    class Repeats(Bitfinex):
        def get(self, url):
            return Served(url, json.dumps(self.lines).encode(), datetime(2025, 10, 20))

    pages = bitfinex_liquidations.fetch(Repeats(events(500, minutes=1)), "hist", {}, date(2025, 10, 20))
    assert counted([next(pages)])
    with pytest.raises(PageRefused, match="events of the hour of 2025-10-10 21:00:00 UTC, which was not asked for"):
        next(pages)


def test_an_hour_with_more_than_a_page_is_asked_for_in_a_larger_one():
    venue = Bitfinex([*events(700), *events(10, AT + timedelta(hours=1), minutes=1)], most=10_000)
    assert sum(counted(venue.fetched()).values()) == 710


def test_an_hour_with_more_than_the_largest_page_is_left_out_by_name_and_the_rest_goes_on():
    venue = Bitfinex([*events(700), *events(10, AT + timedelta(hours=1), minutes=1)])
    pages = bitfinex_liquidations.fetch(venue, "hist", {}, date(2025, 10, 20))
    hours = counted([next(pages)])
    with pytest.raises(PageRefused, match=r"500 events of the hour of 2025-10-10 21:00:00, which may not be all"):
        next(pages)
    assert sum(hours.values()) == 10
    assert AT not in hours
