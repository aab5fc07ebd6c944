"""What a home holds from one mode to the next: the sample or real data, never both, even where a run is killed."""

import json
import os
import shutil
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import polars as pl
import pytest
from flow_pages import FIRST, FUNDS, flows, put_page

from ingestion import calendar, registry
from ingestion.archive import Archive, Served
from ingestion.bitcoin import ingest as read_coins
from ingestion.bitcoin import ledger as coins
from ingestion.bitcoin.files.chain import FileChain
from ingestion.bitcoin.networks import NETWORKS
from ingestion.errors import FetchFailed, UsageError
from ingestion.evm import ingest as read_events
from ingestion.evm import ledger as events
from ingestion.evm.node import Node
from ingestion.lake.journal import JOURNAL
from ingestion.lake.observations import CAPTURES, read_log
from ingestion.lake.tables import SAMPLE_MARKER, Lake
from ingestion.lake.upgrade import SAMPLE_CHAIN
from ingestion.refresh import RefreshResult, last_readings
from ingestion.sample import holders, load, tokens
from ingestion.sample.node_files import write_files
from ingestion.sample.pages import flow_page
from ingestion.sources import farside, holder_series
from ingestion.transport.publisher import Http
from orchestration import gather, pipeline
from orchestration import leave_sample as leaving
from orchestration.health import integrity
from orchestration.health.chains import chain_states
from orchestration.home import Home, now
from orchestration.ingest_mode import Held, IngestMode, Live, Replay, Sample, UserUpload
from orchestration.outcome import Outcome
from orchestration.settings import Settings


class Killed(BaseException):
    """The process is gone."""


def killed(*args: object) -> None:
    raise Killed


def update(home: Home, mode: IngestMode) -> dict[str, RefreshResult]:
    outcome = Outcome()
    pipeline.run(home, pipeline.Request(mode, derives=False), Settings(), pipeline.Listeners(), outcome)
    return {result.source: result for result in outcome.results}


def stored(home: Home) -> dict[str, bytes]:
    """Every file of the lake; how the last reading went is left out."""
    files = (path for path in home.lake.root.rglob("*") if path.is_file() and path.name != "reading.json")
    return {str(path.relative_to(home.lake.root)): path.read_bytes() for path in files}


def captures(home: Home) -> dict[str, int]:
    """How many captures of each source are in the lake, of sources with any."""
    return {name: rows for name in registry.names() if (rows := read_log(home.lake, name).height)}


def chains(home: Home) -> list[tuple[str, str]]:
    return [(state.network, state.transport) for state in chain_states(home, Settings(), {}, {}, now())]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("pipeline") / "home"
    update(Home(root), Sample())
    return root


@pytest.fixture
def sample(loaded, tmp_path) -> Home:
    """A home that holds the sample."""
    return Home(shutil.copytree(loaded, tmp_path / "home"))


@pytest.fixture
def replay(tmp_path) -> Replay:
    put_page(tmp_path / "replay", FIRST, flow_page(FUNDS, [flows(date(2025, 10, 3)), flows(date(2025, 10, 6))]))
    return Replay(tmp_path / "replay")


@pytest.fixture
def real(replay, tmp_path) -> Home:
    """A home that holds one real capture."""
    home = Home(tmp_path / "real")
    update(home, replay)
    return home


def test_a_fresh_home_that_reads_the_sample_is_the_samples(sample):
    assert sample.is_sample
    assert captures(sample) == {
        "alternative_me": 1,
        "binance_bars": 12,
        "binance_depth": 1,
        "binance_open_interest": 2,
        "binance_recent_funding": 1,
        "binance_vision": 18,
        "farside": 2,
        "fred": 3,
        "holder_series": 1,
        "ishares": 1,
        "nasdaq": 3,
    }
    assert chains(sample) == [("regtest", "sample"), ("anvil", "sample")]


@pytest.mark.parametrize("mode", [Sample(), Held()])
def test_the_sample_read_again_is_nothing_new(sample, mode):
    before = stored(sample)
    assert sum(result.captures for result in update(sample, mode).values()) == 0
    assert stored(sample) == before
    assert {result.mode for result in last_readings(sample.lake)} == {"sample"}


def test_real_captures_in_the_archive_stay_unread_while_a_home_is_the_samples(sample, replay):
    list(sample.archive.copy_from(Archive(replay.folder), "farside"))
    before = stored(sample)
    update(sample, Held())
    assert stored(sample) == before


@pytest.mark.parametrize(
    ("step", "at"),
    [("read_coin_chain", load), ("read_event_chain", load), ("put_pages", load), ("refresh", gather)],
)
def test_a_loading_that_was_killed_leaves_a_sample_home_and_is_finished(loaded, tmp_path, monkeypatch, step, at):
    home = Home(tmp_path / "killed")
    with monkeypatch.context() as patch:
        patch.setattr(at, step, killed)
        with pytest.raises(Killed):
            update(home, Sample())
    assert home.is_sample
    update(home, Sample())
    assert (captures(home), chains(home)) == (captures(Home(loaded)), chains(Home(loaded)))


def test_a_source_that_nobody_asked_lacks_nothing(sample, real):
    assert [*integrity.lost(sample), *integrity.lost(real)] == []
    for home in (sample, real):
        (home.lake.root / "grayscale/fund_daily/fund_daily.parquet").write_bytes(b"no rows")
        assert len([*integrity.lost(home)]) > 0


def test_a_replay_leaves_a_home_as_if_it_had_never_held_the_sample(sample, real, replay):
    update(sample, replay)
    assert not sample.is_sample
    assert captures(sample) == {"farside": 1}
    assert stored(sample) == stored(real)
    assert Archive(sample.archive.root, is_sample=True).captures("ishares")[0]


def test_publishers_that_cannot_be_reached_leave_a_home_without_rows(sample, monkeypatch):
    def refuse(http, url):
        raise FetchFailed("no network.")

    monkeypatch.setattr(Http, "get", refuse)
    results = update(sample, Live(""))
    assert all(results[source.name].failures for source in registry.publishers() if source.is_chosen(None))
    assert not sample.is_sample
    assert (captures(sample), chains(sample)) == ({}, [])


def test_a_users_own_file_leaves_the_sample(sample):
    served = Served("", b"date,lth_btc,sth_btc\n2025-11-03,15.5,4.5\n", FIRST)
    with sample.lock():
        gather.update(holder_series.SOURCE, sample, UserUpload("mine", served, holder_series.note("age_155d_step")))
        gather.update_definitions(sample)
    assert not sample.is_sample
    assert (captures(sample), chains(sample)) == ({"holder_series": 1}, [])
    assert sample.lake.read("holder_series", "definitions", {})["series"].to_list() == ["mine"]


def test_real_captures_that_the_archive_holds_are_read_when_the_sample_is_left(sample, replay):
    list(sample.archive.copy_from(Archive(replay.folder), "farside"))
    with sample.lock():
        gather.leave_sample(sample)
    assert captures(sample) == {"farside": 1}


def test_damage_to_a_page_of_the_sample_does_not_hold_back_real_ones(sample, replay):
    (meta,) = (sample.archive.root / "farside" / "btc_all").glob("*.meta.json")
    meta.write_text("{")
    [failure] = update(sample, replay)["farside"].failures
    assert meta.name in failure
    assert captures(sample) == {"farside": 1}


STEPS: dict[str, Callable[[Home, IngestMode], object]] = {
    "coins": gather.update_chain,
    "events": gather.update_tokens,
    "source": partial(gather.update, farside.SOURCE),
}


@pytest.mark.parametrize("first", STEPS)
def test_whichever_asset_runs_first_marks_the_home_and_leaves_the_sample(tmp_path, replay, first):
    """Dagster's order is its own, and what an asset has written must not be dropped by a later one."""
    home = Home(tmp_path / "home")
    order = sorted(STEPS, key=lambda name: name != first)
    for mode in (Sample(), replay):
        for name in order:
            with home.lock():
                STEPS[name](home, mode)
            assert home.is_sample == (mode == Sample())
        for chain in (coins, events):
            assert all(home.lake.has(chain.SOURCE, table) for table in chain.TABLES)
        assert home.lake.has(calendar.SOURCE, calendar.TABLE)


@pytest.mark.parametrize(
    ("at", "step"), [(shutil, "rmtree"), (leaving, "refresh"), (coins, "create_tables"), (Archive, "copy_from")]
)
def test_a_leaving_that_was_killed_leaves_nothing_of_the_sample(sample, real, replay, monkeypatch, at, step):
    with monkeypatch.context() as patch:
        patch.setattr(at, step, killed)
        with pytest.raises(Killed):
            update(sample, replay)
    assert not sample.is_sample
    assert (captures(sample), chains(sample)) == ({}, [])
    with sample.lock():
        assert sorted(path.name for path in sample.root.iterdir()) in (
            ["archive", "build"],
            ["archive", "build", "lake"],
        )
    update(sample, replay)
    assert stored(sample) == stored(real)


def test_a_leaving_that_was_killed_before_it_dropped_anything_leaves_the_sample_whole(sample, replay, monkeypatch):
    before = stored(sample)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(Killed):
            update(sample, replay)
    assert sample.is_sample
    assert stored(sample) == before


def hold_a_refused_capture(home: Home, node: Path) -> None:
    put_page(home.archive.root, FIRST, b"no page")
    update(home, Held())


def hold_a_chain(home: Home, node: Path) -> None:
    write_files(node / "regtest" / "blocks", [holders.chain().blocks[:30]])
    read_coins.from_files(home.lake, FileChain(node, NETWORKS["regtest"]), confirmations=6)


def hold_an_account_chain(home: Home, node: Path) -> None:
    read_events.from_node(home.lake, Node(tokens.Provider(tokens.chain())), tokens.WATCHED)


@pytest.mark.parametrize("hold", [hold_a_refused_capture, hold_a_chain, hold_an_account_chain])
def test_the_sample_is_refused_in_a_home_that_holds_real_data(tmp_path, hold):
    home = Home(tmp_path / "home")
    hold(home, tmp_path / "node")
    before = stored(home)
    with pytest.raises(UsageError, match="holds real data: give the sample a home of its own with --home DIR"):
        update(home, Sample())
    assert not home.is_sample
    assert stored(home) == before


def test_a_home_whose_lake_holds_no_rows_may_take_the_sample(tmp_path):
    home = Home(tmp_path / "home")
    update(home, Held())
    update(home, Sample())
    assert home.is_sample


def make_former(lake: Lake) -> None:
    """The lake as flowhouse 0.1.0 wrote it."""
    is_sample = lake.is_sample
    (lake.root / SAMPLE_MARKER).unlink(missing_ok=True)
    for source in registry.names():
        log = read_log(lake, source).with_columns(is_sample=pl.lit(is_sample))
        lake.write(source, CAPTURES, log.select(pl.exclude("refusal"), "refusal"))
        (lake.root / source / JOURNAL).unlink(missing_ok=True)  # sources of rows have none
    for source in (coins.SOURCE, events.SOURCE):
        (lake.root / source / SAMPLE_CHAIN).unlink(missing_ok=True)
    for path in lake.root.glob("*/*.json"):
        fields = json.loads(path.read_text())
        if "parts" in fields:
            path.write_text(json.dumps(fields | {"is_sample": is_sample}))


def test_a_former_home_of_the_sample_stays_the_samples_until_it_leaves_it(sample, real, replay):
    make_former(sample.lake)
    assert sample.is_sample
    assert chains(sample) == [("regtest", "sample"), ("anvil", "sample")]
    for mode in (Held(), Sample()):
        assert sum(result.captures for result in update(sample, mode).values()) == 0
        assert sample.lake.is_sample
    assert chains(sample) == [("regtest", "sample"), ("anvil", "sample")]
    update(sample, replay)
    assert stored(sample) == stored(real)


def test_a_former_home_of_the_sample_may_leave_it_at_once(sample, real, replay):
    make_former(sample.lake)
    update(sample, replay)
    assert stored(sample) == stored(real)


@pytest.mark.parametrize("again", [True, False])
def test_a_former_home_of_real_data_is_read_on(real, replay, again):
    make_former(real.lake)
    before = stored(real)
    assert not real.is_sample
    results = update(real, replay if again else Held())
    assert {result.captures for result in results.values()} == {0}
    for files in (before, after := stored(real)):
        for name in [name for name in files if name.endswith(JOURNAL)]:
            del files[name]
    assert after == before
    with pytest.raises(UsageError, match="holds real data"):
        update(real, Sample())
