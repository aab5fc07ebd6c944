"""The collector against a venue on this machine that repeats, breaks off, lies about time and sends junk."""

import asyncio
import time
from dataclasses import replace

import pytest
from streams_made import acknowledged, bybit
from websocket_server import break_off, streaming, wait

from ingestion.archive import Archive
from ingestion.streams import collector
from ingestion.streams.collector import collect, pause_seconds, probe
from ingestion.streams.lines import Line, unpacked
from ingestion.streams.recorder import Recorder
from ingestion.streams.tally import tally
from ingestion.streams.venue import Declined
from ingestion.streams.venues import VENUES
from ingestion.transport.errors import StreamLost
from ingestion.transport.stream import Limits

QUICK = Limits(open_seconds=2, ping_seconds=0.05, pong_seconds=0.5)


def now() -> int:
    return time.time_ns() // 1_000_000


def collected(tmp_path, url: str, until: str | int, **changed: object) -> tuple[list[Line], list[str]]:
    """The lines of the segments of a collector that ended once it had recorded a text, or connected so many times."""
    archive, shown = Archive(tmp_path), list[str]()

    async def run() -> None:
        stop = asyncio.Event()
        recorder = Recorder(archive, replace(VENUES["bybit"], url=url, **changed), ("BTC", "NIL"), now)
        running = asyncio.create_task(collect([recorder], stop, shown.append, QUICK))
        async with asyncio.timeout(20):
            while not (running.done() or is_heard()):
                await asyncio.sleep(0.02)
        stop.set()
        await running

    def is_heard() -> bool:
        content = b"".join(path.read_bytes() for path in tmp_path.rglob("*.open")).decode()
        return until in content if isinstance(until, str) else content.count('"connected"') >= until

    asyncio.run(run())
    captures, damaged = archive.captures("liquidation_stream")
    assert damaged == []
    return [
        line for each in sorted(captures, key=lambda each: each.order) for line in unpacked(archive.read(each))
    ], shown


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(collector.random, "uniform", lambda low, high: 0.01)


def test_a_venue_that_repeats_breaks_off_lies_and_sends_junk(tmp_path):
    at = now()

    def first(connection):
        connection.recv(), connection.recv()
        for text in (acknowledged(), acknowledged("NIL", success=False), bybit(at), "junk", bybit(at + 3_600_000)):
            connection.send(text)
        time.sleep(0.2)
        break_off(connection)

    def second(connection):
        for text in (acknowledged(), bybit(at), bybit(at + 1, side="Sell"), b"\xff\xff", '{"op":"end"}'):
            connection.send(text)
        wait(connection)

    with streaming(first, second) as url:
        lines, shown = collected(tmp_path, url, until='\\"end\\"')
    found = tally(lines, VENUES["bybit"])
    long, short = found.sums["BTC", "long"], found.sums["BTC", "short"]
    assert (long.events, long.repeated, long.misdated, short.events) == (1, 1, 1, 1)
    assert found.unread == 3
    assert 0 < found.covered_ms["BTC"] < now() - at
    assert found.covered_ms["NIL"] == 0
    marks = [line.mark for line in lines if line.mark and line.mark != "alive"]
    assert marks == ["opened", "connected", "lost", "connected", "stopped"]
    assert "bybit: allLiquidation.NILUSDT is not pushed (Invalid symbol): check the assets." in shown
    assert any(line.startswith("bybit: lost: it broke off; connecting again in ") for line in shown)


def test_pings_are_signs_of_life(tmp_path):
    with streaming(lambda connection: (connection.send(acknowledged()), wait(connection))) as url:
        lines, _ = collected(tmp_path, url, until='"alive"')
    assert tally(lines, VENUES["bybit"]).covered_ms["BTC"] > 0


def test_a_market_that_is_silent_is_connected_to_again(tmp_path):
    with streaming(wait) as url:
        lines, _ = collected(tmp_path, url, 2, max_silence_seconds=0.1)
    assert next(line.detail for line in lines if line.mark == "lost") == "it sent no liquidation for 0 minutes"


def test_pauses_grow_while_a_venue_breaks_off_at_once(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(collector, "pause_seconds", lambda failures: asked.append(failures) or 0.01)
    with streaming(break_off) as url:
        collected(tmp_path, url, 4)
    assert asked[:3] == [1, 2, 3]


def test_pauses_are_bounded_and_not_the_same_for_all(monkeypatch):
    monkeypatch.setattr(collector.random, "uniform", lambda low, high: high)
    assert [pause_seconds(failures) for failures in (1, 2, 3, 7, 10_000)] == [1, 2, 4, 60, 60]
    monkeypatch.setattr(collector.random, "uniform", lambda low, high: low)
    assert pause_seconds(2) == 1


def test_a_full_disk_ends_it_with_its_own_error(tmp_path, monkeypatch):
    def fail(*args):
        raise OSError(28, "No space left on device", "segment")

    with streaming(wait) as url:
        monkeypatch.setattr(Recorder, "_append", fail)
        with pytest.raises(OSError, match="No space left"):
            collected(tmp_path, url, 1)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (lambda connection: (connection.send(acknowledged()), wait(connection)), ""),
        (
            lambda connection: (connection.send(acknowledged(success=False)), wait(connection)),
            "allLiquidation.BTCUSDT is not pushed",
        ),
        (wait, "it did not say within 0.2 s that it pushes allLiquidation.BTCUSDT"),
        (break_off, "it broke off"),
    ],
    ids=["answers", "declines", "silent", "breaks off"],
)
def test_a_probe_says_whether_a_venue_pushes(part, said):
    with streaming(part) as url:
        asked = probe(replace(VENUES["bybit"], url=url), ["BTC"], seconds=5 if part is not wait else 0.2)
        if not said:
            asyncio.run(asked)
            return
        with pytest.raises(StreamLost, match=said):
            asyncio.run(asked)


def test_what_a_venue_says_is_shown_on_one_line():
    said = Declined("topic" * 50, "\x1b[31mno\n such" + "x" * 500)
    shown = collector._why_declined(said)
    assert shown.isprintable()
    assert len(shown) < 200


def test_a_probe_of_a_stream_that_needs_no_request():
    with streaming(wait) as url:
        asyncio.run(probe(replace(VENUES["binance"], url=url), ["BTC"]))
