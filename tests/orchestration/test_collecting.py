"""`flowhouse collect`: a process that is killed and told to end, against a venue on this machine."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from streams_made import acknowledged, bybit
from websocket_server import streaming, wait

from ingestion.archive import Archive
from ingestion.streams.lines import HOUR_MS, Line, hour_of, unpacked, written
from ingestion.streams.tally import tally
from ingestion.streams.venues import VENUES
from orchestration.cli.main import main
from orchestration.home import Home
from orchestration.settings import Settings

HERE = Path(__file__).parent


def now() -> int:
    return time.time_ns() // 1_000_000


class Collector:
    """A collector as a process of its own."""

    def __init__(self, home: Path, url: str):
        self.home = home
        command = [sys.executable, HERE / "collect_loopback.py", home, url]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def open_text(self) -> str:
        return "".join(path.read_text() for path in self.home.rglob("*.open"))

    def wait_for(self, is_done: Callable[[str], bool]) -> None:
        deadline = time.monotonic() + 30
        while not is_done(self.open_text()):
            assert time.monotonic() < deadline, self.open_text()
            assert self.process.poll() is None, self.process.communicate()[0]
            time.sleep(0.02)

    def end(self, number: int) -> tuple[int, str]:
        self.process.send_signal(number)
        said, _ = self.process.communicate(timeout=20)
        return self.process.returncode, said


def segments(home: Path) -> list[list[Line]]:
    archive = Archive(home / "archive")
    captures, damaged = archive.captures("liquidation_stream")
    assert damaged == []
    return [unpacked(archive.read(each)) for each in sorted(captures, key=lambda each: each.order)]


def test_a_collector_that_is_killed_loses_nothing_that_is_filed_and_records_the_gap(tmp_path):
    at, hour = now(), hour_of(now())
    earlier = [Line(hour - HOUR_MS, mark="opened", hour=hour - HOUR_MS, assets=("BTC",))]
    folder = tmp_path / "archive/liquidation_stream/bybit"
    folder.mkdir(parents=True)
    (folder / ".20000101T000000Z.open").write_bytes(b"".join(map(written, earlier)) + b'{"torn')

    def part(connection):
        for text in (acknowledged(), bybit(at)):
            connection.send(text)
        wait(connection)

    with streaming(part) as url:
        killed = Collector(tmp_path, url)
        killed.wait_for(lambda text: "allLiquidation" in text and str(at) in text)
        assert killed.end(signal.SIGKILL)[0] == -signal.SIGKILL
        filed = {path: path.read_bytes() for path in folder.glob("2*")}
        assert len(filed) == 2
        second = Collector(tmp_path, url)
        second.wait_for(lambda text: text.count('"connected"') == 2 and text.count(str(at)) >= 2)
        code, said = second.end(signal.SIGTERM)
    assert code == 0, said
    assert {path: path.read_bytes() for path in filed} == filed
    before, after = segments(tmp_path)[0], segments(tmp_path)[-1]
    assert before == earlier
    marks = [line.mark for line in after if line.mark]
    assert marks == ["opened", "connected", "resumed", "connected", "stopped"]
    found = tally(after, VENUES["bybit"])
    assert (found.sums["BTC", "long"].events, found.sums["BTC", "long"].repeated) == (1, 1)
    assert "bybit: 1 liquidations of 50,000 USD (1 came again), " in said
    assert "liquidation_stream/bybit/" in said


def test_ctrl_c_files_the_segment_and_ends_well(tmp_path):
    with streaming(lambda connection: (connection.send(acknowledged()), wait(connection))) as url:
        collector = Collector(tmp_path, url)
        collector.wait_for(lambda text: "req_id" in text)
        code, said = collector.end(signal.SIGINT)
    assert code == 0, said
    assert [line.mark for line in segments(tmp_path)[0] if line.mark] == ["opened", "connected", "stopped"]
    assert [*tmp_path.rglob("*.open")] == []


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, [*map(str, arguments)])
    return result.exit_code, result.output


def test_a_second_collector_of_a_venue_is_refused_in_one_sentence(tmp_path):
    with Home(tmp_path).collector_lock("bybit"):
        program = "from orchestration.cli.main import run; run()"
        arguments = ["collect", "liquidations", "--venue", "bybit", "--home", str(tmp_path)]
        second = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60)
    assert second.returncode == 1
    assert second.stderr == "flowhouse: Another flowhouse collects bybit into this home: try again when it is done.\n"
    assert not (tmp_path / "archive").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--asset", "btc"], "--asset has 'btc', which is no asset: write one such as BTC."),
        (["--venue", "kraken"], "'kraken' is not one of 'binance', 'bybit', 'okx'"),
        (["--for", "0"], "0.0 is not in the range x>0"),
    ],
)
def test_wrong_usage(tmp_path, arguments, said):
    code, output = run("collect", "liquidations", *arguments, "--home", tmp_path)
    assert code == 2
    assert said in output
    assert not (tmp_path / "archive").exists()


def test_the_command_offers_each_venue():
    from orchestration.cli import collect

    assert tuple(VENUES) == collect.NAMES


def settings(home: Path, text: str) -> Settings:
    home.mkdir(exist_ok=True)
    (home / "flowhouse.toml").write_text(text)
    return Settings.read(home)


def test_settings(tmp_path):
    assert settings(tmp_path, "").collect.liquidations == ()
    assert settings(tmp_path, '[collect]\nliquidations = ["bybit"]').collect.assets[:2] == ("ADA", "BNB")
    code, output = run("config", "--home", tmp_path, "--format", "json")
    assert code == 0
    assert {"key": "collect.liquidations", "value": ["bybit"]}.items() <= json.loads(output)[
        [row["key"] for row in json.loads(output)].index("collect.liquidations")
    ].items()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('liquidations = ["bybt"]', "collect.liquidations has 'bybt', which is no venue with a stream: write bybit."),
        ('assets = ["Btc"]', "collect.assets has 'Btc', which is no asset: write one such as BTC."),
    ],
)
def test_wrong_settings(tmp_path, line, said):
    from ingestion.errors import UsageError

    with pytest.raises(UsageError, match=f"flowhouse.toml, line 2: {said}"):
        settings(tmp_path, f"[collect]\n{line}")


def test_what_serve_runs_says_in_one_line_why_it_ended(tmp_path):
    settings(tmp_path, '[collect]\nliquidations = ["bybit"]')
    with Home(tmp_path).collector_lock("bybit"):
        import os

        ended = subprocess.run(
            [sys.executable, "-m", "orchestration.collecting"],
            env=os.environ | {"FLOWHOUSE_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert ended.returncode == 1
    assert ended.stderr == "Another flowhouse collects bybit into this home: try again when it is done.\n"
