"""Segments as pages of a source: rows by hour, asset and side."""

from datetime import date, datetime

import pytest
from streams_made import HOUR, acknowledged, alive, binance, bybit, heard, marked, okx, opened

from ingestion.archive import Archive, Served
from ingestion.errors import PageRefused
from ingestion.lake import parts
from ingestion.lake.tables import Lake
from ingestion.refresh import refresh
from ingestion.sources.liquidation_stream import SOURCE, fetch, frame, parse
from ingestion.streams.lines import Line, packed

WHOLE = [marked(0, "continues"), *alive(20, 3580), marked(3600, "until")]


def rows(resource: str, *lines: Line, assets: tuple[str, ...] = ("BTC",)) -> list[dict]:
    content = packed([opened(*assets), *sorted(lines, key=lambda line: line.at)])
    return SOURCE.read(content, resource).to_dicts()


def test_a_row_for_each_asset_and_side():
    said = Line(HOUR, before=acknowledged())
    events = heard(1001, bybit(HOUR + 1_000_000)), heard(1002, bybit(HOUR + 1_001_000, size="0.1"))
    long, short, other, _ = rows("bybit", said, *WHOLE, *events, assets=("BTC", "ETH"))
    assert long == {
        "asset": "BTC",
        "venue": "bybit",
        "coverage": "all_fills",
        "side": "long",
        "period_start_at": datetime(2026, 11, 26, 13),
        "value_date": date(2026, 11, 26),
        "notional_usd": 60_000,
        "events": 2,
        "largest_usd": 50_000,
        "covered_seconds": 3600,
        "period_seconds": 3600,
        "repeated_events": 0,
        "misdated_events": 0,
        "unread_messages": 0,
    }
    assert (short["side"], short["notional_usd"], short["events"], short["largest_usd"]) == ("short", 0, 0, None)
    assert (other["asset"], other["covered_seconds"], other["notional_usd"]) == ("ETH", 0, None)


@pytest.mark.parametrize(("venue", "event"), [("binance", binance), ("okx", okx)])
def test_a_stream_that_leaves_some_out_says_so(venue, event):
    long, _ = rows(venue, marked(0, "connected"), *alive(20, 100), heard(101, event(HOUR + 100_000)))
    assert (long["coverage"], long["notional_usd"], long["events"]) == ("throttled_snapshot", 50_000, 1)


def test_the_last_hour_of_a_day_counts_for_it():
    content = packed([Line(HOUR + 36_000_000, mark="opened", hour=HOUR + 36_000_000, assets=("BTC",))])
    assert SOURCE.read(content, "bybit")["value_date"].to_list() == [date(2026, 11, 26)] * 2


def test_an_asset_that_okx_has_no_known_contract_of_is_not_covered():
    ack = heard(1, '{"event":"subscribe","arg":{"channel":"liquidation-orders","instType":"SWAP"}}')
    found = rows("okx", marked(0, "connected"), ack, *alive(20, 100), assets=("BTC", "PEPE"))
    assert [each["covered_seconds"] for each in found] == [99, 99, 0, 0]


@pytest.mark.parametrize("content", [b"", b"<html>", packed([heard(0, "text")]), packed([opened()])[:-1]])
def test_what_is_no_segment_is_refused(content):
    with pytest.raises(PageRefused, match=r"it is no segment of a stream .*: restore the file, or remove it"):
        parse(content)


def test_a_venue_without_a_stream_is_refused():
    with pytest.raises(PageRefused, match="kraken is no venue with a stream: known are binance, bybit, okx"):
        frame(parse(packed([opened()])), "kraken")


def test_nothing_is_fetched():
    assert [*fetch(None, "bybit", {}, date(2026, 11, 26))] == []


def test_a_later_segment_of_an_hour_takes_the_place_of_an_earlier_one(tmp_path):
    archive, lake = Archive(tmp_path / "archive"), Lake(tmp_path / "lake")
    first = [opened(), marked(0, "connected"), heard(1, acknowledged()), heard(2, bybit(HOUR)), *alive(20, 100)]
    second = [*first, marked(200, "resumed"), marked(201, "connected"), heard(202, bybit(HOUR + 200_000))]
    for minute, lines in ((2, first), (4, second)):
        at = datetime(2026, 11, 26, 13, minute)
        archive.put(SOURCE.name, "bybit", Served("wss://bybit", packed(lines), at), SOURCE.ext)
        result = refresh(SOURCE, archive, lake, "held", datetime(2026, 11, 26, 14))
        assert result.failures == ()
    (part,) = parts.counted_parts(lake, SOURCE.name, SOURCE.table)
    rows = lake.read(SOURCE.name, SOURCE.table, SOURCE.schema, part)
    long = rows.filter(side="long").sort("observed_at")
    assert long["events"].to_list() == [1, 2]
    assert long["covered_seconds"].to_list() == [99, 99]
    assert long["observed_at"].to_list() == [datetime(2026, 11, 26, 13, 2), datetime(2026, 11, 26, 13, 4)]


def test_a_segment_that_rots_is_reported_and_the_lake_stays(tmp_path):
    archive, lake = Archive(tmp_path / "archive"), Lake(tmp_path / "lake")
    at = datetime(2026, 11, 26, 14)
    archive.put(SOURCE.name, "bybit", Served("wss://bybit", packed([opened(), *WHOLE]), at), SOURCE.ext)
    archive.put(SOURCE.name, "okx", Served("wss://okx", b"junk", at), SOURCE.ext)
    result = refresh(SOURCE, archive, lake, "held", at)
    assert (result.captures, len(result.failures)) == (2, 1)
    assert "okx/20261126T140000Z.gz: it is no segment of a stream" in result.failures[0]
