"""Segments: one an hour, filed as captures, and nothing lost of one that is filed whenever the recorder is killed."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from streams_made import END, HOUR, acknowledged, bybit

from ingestion.archive import Archive, Capture
from ingestion.streams import lines as segment
from ingestion.streams import recorder as module
from ingestion.streams.lines import Line, unpacked
from ingestion.streams.recorder import Recorder
from ingestion.streams.tally import tally
from ingestion.streams.venues import VENUES
from ingestion.transport.errors import StreamLost

VENUE = VENUES["bybit"]


@dataclass
class Made:
    """A recorder with a clock that a test sets."""

    root: Path
    at: int = HOUR
    assets: tuple[str, ...] = ("BTC",)
    filed: list[Capture] = field(default_factory=list)

    def __post_init__(self):
        self.archive = Archive(self.root)
        self.recorder = self.start()

    def start(self) -> Recorder:
        """Another process, after a kill or an end."""
        on_filed = lambda capture, lines: self.filed.append(capture)  # noqa: E731
        self.recorder = Recorder(self.archive, VENUE, self.assets, lambda: self.at, on_filed)
        self.recorder.salvage()
        return self.recorder

    def connect(self, seconds: float) -> None:
        self.at = HOUR + round(seconds * 1000)
        self.recorder.mark("connected")
        self.message(seconds, acknowledged())

    def message(self, seconds: float, text: str) -> None:
        self.at = HOUR + round(seconds * 1000)
        self.recorder.message(text, VENUE.read(text))

    def event(self, seconds: float, size: str = "0.5") -> None:
        self.message(seconds, bybit(HOUR + round(seconds * 1000) - 100, size=size))

    def flood(self, count: int) -> None:
        for _ in range(count):
            self.event(1)

    def ping(self, first: float, last: float) -> None:
        for seconds in range(round(first), round(last) + 1, 20):
            self.at = HOUR + seconds * 1000
            self.recorder.mark("alive")
            self.recorder.tick()

    def lines(self, capture: Capture) -> list[Line]:
        return unpacked(self.archive.read(capture))

    def came_to(self, capture: Capture) -> tuple[int, float]:
        found = tally(self.lines(capture), VENUE)
        return found.sums["BTC", "long"].events, found.covered_ms["BTC"] / 1000

    def open_files(self) -> list[Path]:
        return [*self.root.rglob("*.open")]


@pytest.fixture
def made(tmp_path) -> Made:
    return Made(tmp_path)


def test_an_hour_becomes_a_capture_stamped_at_its_end(made):
    made.connect(0)
    made.event(5)
    made.ping(20, 3620)
    (capture,) = made.filed
    assert (capture.file, capture.url, capture.origin) == ("20261126T140000Z.gz", VENUE.url, "collected")
    assert made.archive.captures("liquidation_stream") == ([capture], [])
    assert made.came_to(capture) == (1, 3600)
    assert [path.name for path in made.open_files()] == [".20261126T140000Z.open"]


def test_the_next_hour_goes_on_with_the_connection(made):
    made.connect(0)
    made.ping(20, 7220)
    assert [made.came_to(each) for each in made.filed] == [(0, 3600), (0, 3600)]


def test_a_connection_that_was_lost_does_not_cover_the_next_hour(made):
    made.connect(0)
    made.ping(20, 3580)
    made.recorder.mark("lost", "it broke off")
    made.at = END + 59_000
    made.recorder.tick()
    assert made.filed == []
    made.at = END + 60_000
    made.recorder.tick()
    assert made.came_to(made.filed[0]) == (0, 3580)
    assert made.open_files() == []
    made.connect(3700)
    made.ping(3720, 7220)
    assert made.came_to(made.filed[1]) == (0, 3500)


def test_a_machine_that_slept_at_the_end_of_an_hour_does_not_cover_it(made):
    made.connect(0)
    made.ping(20, 3580)
    made.ping(3700, 7220)
    assert [made.came_to(each) for each in made.filed] == [(0, 3580), (0, 0)]


def test_only_the_answers_of_the_connection_that_stands_are_taken_along(made):
    for seconds in (0, 100, 200):
        made.connect(seconds)
        made.ping(seconds + 20, seconds + 60)
        made.recorder.mark("lost")
    made.connect(300)
    made.ping(320, 7220)
    assert len([line for line in made.lines(made.filed[1]) if line.before]) == 1


def test_a_recorder_that_ends_in_the_first_second_leaves_the_stamp_of_the_hour_before(made):
    made.connect(0)
    made.event(0.5)
    made.recorder.close()
    assert made.filed[0].file == "20261126T130001Z.gz"
    made.start()
    made.ping(20, 3600)
    assert made.came_to(made.filed[1])[0] == 1


def test_an_event_of_the_last_minutes_is_known_in_the_next_hour(made):
    made.connect(0)
    made.ping(20, 3580)
    made.event(3595)
    made.ping(3600, 3600)
    made.message(3601, bybit(HOUR + 3_594_900))
    made.ping(3620, 7220)
    assert [made.came_to(each) for each in made.filed] == [(1, 3600), (0, 3600)]


def test_a_recorder_that_ends_files_what_it_has(made):
    made.connect(0)
    made.event(5)
    made.ping(20, 100)
    made.recorder.close()
    (capture,) = made.filed
    assert capture.file == "20261126T130140Z.gz"
    assert made.came_to(capture) == (1, 100)
    assert made.open_files() == []


def test_a_later_segment_of_an_hour_has_all_of_an_earlier_one(made):
    made.connect(0)
    made.event(5)
    made.ping(20, 100)
    made.recorder.close()
    made.at = HOUR + 200_000
    made.start()
    made.connect(200)
    made.event(205, "2")
    made.ping(220, 3600)
    first, second = made.filed
    assert made.lines(second)[1 : len(made.lines(first))] == made.lines(first)[1:]
    assert made.came_to(second) == (2, 100 + 3400)


@pytest.mark.parametrize("torn", [b"", b'{"at":17956', b"\0\0\0\0", b'{"at":1,"mark":"alive"}'])
def test_after_a_kill_the_hour_goes_on_up_to_the_last_whole_line(made, torn):
    made.connect(0)
    made.event(5)
    made.ping(20, 100)
    with made.open_files()[0].open("ab") as file:
        file.write(torn)
    made.at = HOUR + 160_000
    made.start()
    assert made.filed == []
    made.connect(160)
    made.ping(180, 3600)
    (capture,) = made.filed
    assert made.came_to(capture) == (1, 100 + 3440)
    assert [each.mark for each in made.lines(capture) if each.mark == "resumed"] == ["resumed"]


def test_after_a_kill_an_hour_that_is_over_is_filed(made):
    made.connect(0)
    made.event(5)
    made.ping(20, 100)
    made.at = END + 500_000
    made.start()
    (capture,) = made.filed
    assert capture.file == "20261126T140000Z.gz"
    assert made.came_to(capture) == (1, 100)


def test_a_kill_between_filing_and_removing_files_nothing_twice(made, monkeypatch):
    made.connect(0)
    made.event(5)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda path, **options: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            made.ping(20, 3600)
    made.at = END + 10_000
    made.start()
    assert len(made.archive.captures("liquidation_stream")[0]) == 1
    assert made.open_files() == []


def test_other_assets_after_a_kill(made):
    made.connect(0)
    made.event(5)
    made.at, made.assets = HOUR + 60_000, ("BTC", "ETH")
    made.start()
    made.connect(60)
    made.ping(80, 3600)
    first, second = made.filed
    assert (first.file, made.lines(first)[0].assets) == ("20261126T130100Z.gz", ("BTC",))
    assert made.lines(second)[0].assets == ("BTC", "ETH")
    assert made.came_to(second)[0] == 1


def test_a_file_without_a_whole_line_is_dropped(made):
    made.root.joinpath("liquidation_stream/bybit/.20261126T120000Z.open").write_bytes(b'{"at":')
    made.start()
    assert (made.filed, made.open_files()) == ([], [])


def test_a_damaged_earlier_segment_of_the_hour_does_not_stop_the_next(made):
    made.connect(5)
    made.recorder.close()
    (made.root / "liquidation_stream/bybit" / made.filed[0].file).write_bytes(b"rot")
    made.start()
    made.connect(100)
    made.ping(120, 3600)
    assert made.came_to(made.filed[1]) == (0, 3500)


def test_a_clock_that_goes_back_stays_in_its_segment(made):
    made.connect(0)
    made.at = HOUR - 5_000
    made.recorder.mark("alive")
    made.ping(20, 3600)
    assert made.came_to(made.filed[0])[1] == 3600


def test_a_flood_ends_the_connection(made, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 10_000)
    made.connect(0)
    with pytest.raises(StreamLost, match="it sent more than 5,000 bytes in an hour"):
        made.flood(100)
    assert made.open_files()[0].stat().st_size < 10_000


def test_what_is_appended_is_on_disk_every_second(made, monkeypatch):
    synced = []
    monkeypatch.setattr(module.os, "fsync", lambda opened: synced.append(made.at))
    made.connect(0)
    for at in (HOUR + 500, HOUR + 1_000, HOUR + 1_500, HOUR + 2_000):
        made.at = at
        made.recorder.tick()
    assert synced[-2:] == [HOUR + 1_000, HOUR + 2_000]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"junk",
        segment.packed([]),
        segment.packed([Line(HOUR, mark="alive")]),
        segment.packed([Line(HOUR, mark="opened", hour=HOUR, assets=("BTC",))])[:-9],
        segment.packed([Line(HOUR, mark="opened", hour=HOUR + 1)]),
    ],
)
def test_what_is_no_segment(content):
    with pytest.raises(ValueError, match=r"segment|gzip|cut short"):
        unpacked(content)


def test_a_segment_that_would_fill_the_memory(monkeypatch):
    whole = [Line(HOUR, mark="opened", hour=HOUR), *[Line(HOUR, text="x" * 1000)] * 100]
    assert len(unpacked(segment.packed(whole))) == 101
    monkeypatch.setattr(segment, "MAX_BYTES", 50_000)
    with pytest.raises(ValueError, match="longer than 50,000 bytes"):
        unpacked(segment.packed(whole))


def test_equal_lines_make_equal_bytes():
    lines = [Line(HOUR, mark="opened", hour=HOUR, assets=("BTC",)), Line(HOUR, text="ü\n\u2028")]
    assert segment.packed(lines) == segment.packed([replace_line(each) for each in lines])
    assert unpacked(segment.packed(lines)) == lines


def replace_line(line: Line) -> Line:
    return Line(**{name: getattr(line, name) for name in line.__struct_fields__})
