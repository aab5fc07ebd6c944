"""History read in ranges and taken into the chain's ledger: the same rows as one process has."""

from collections.abc import Iterable
from contextlib import contextmanager, nullcontext
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from simulated import held

from ingestion.errors import ChainMismatch, LakeDamaged, UsageError
from ingestion.evm import ingest, ledger
from ingestion.evm.block_range import BlockRange
from ingestion.evm.errors import WrongChain
from ingestion.evm.ledger import EventLedger, read_record
from ingestion.evm.node import Node
from ingestion.evm.ranges import Range, Ranges, planned
from ingestion.evm.rows import EVENTS, WatchList
from ingestion.lake.tables import Lake
from ingestion.sample import tokens as sample


def chain() -> sample.Chain:
    """The sample's chain, five of its blocks in each, so that it is read in a moment."""
    blocks, made = sample.chain().blocks, sample.Chain(not_final=4)
    made.mine(blocks[0].time)
    for nth in range(1, len(blocks), 5):
        group = blocks[nth : nth + 5]
        made.mine(group[-1].time, [log for block in group for log in block.logs])
    return made


CHAIN = chain()
TIP = len(CHAIN.blocks) - 1
FINAL = TIP - CHAIN.not_final


class Busy(Exception):
    """Another process is at work."""


class Killed(BaseException):
    """The process is gone."""


class Mortal(sample.Provider):
    """A node whose client dies when it has asked so often."""

    def __init__(self, chain: sample.Chain, left: int):
        super().__init__(chain)
        self.left = left

    def answer(self, method, params):
        self.left -= 1
        if self.left < 0:
            raise Killed
        return super().answer(method, params)


class Counting(sample.Provider):
    """A node that counts the blocks of which logs are asked."""

    asked = 0

    def eth_getLogs(self, asked: dict) -> list[dict]:
        self.asked += 1 if "blockHash" in asked else int(asked["toBlock"], 16) - int(asked["fromBlock"], 16) + 1
        return super().eth_getLogs(asked)


class Site:
    """A home's lake and ranges in a folder."""

    def __init__(self, folder: Path, plan: tuple[Range, ...] = (), at_work: Iterable[Range] = ()):
        self.lake = Lake(folder / "lake")
        self.at_work = set(at_work)
        self.ranges = Ranges(folder / "ranges" / "evm-anvil", self.lock, Busy, plan)

    @contextmanager
    def lock(self, blocks: Range):
        if blocks in self.at_work:
            raise Busy
        with nullcontext():
            yield

    def read(self, first: int, last: int, provider: sample.Provider | None = None, watched: WatchList = sample.WATCHED):
        """Read a range."""
        blocks = Range(first, last)
        node = Node(provider or sample.Provider(CHAIN))
        return ingest.read_range(self.ranges.lake(blocks), self.lake, node, watched, blocks)

    def take(self, provider: sample.Provider | None = None, watched: WatchList = sample.WATCHED, **wanted: int):
        """Bring the chain up to date."""
        node = Node(provider or sample.Provider(CHAIN))
        return ingest.from_node(self.lake, node, watched, BlockRange(**wanted), ranges=self.ranges)


@pytest.fixture
def site(tmp_path) -> Site:
    return Site(tmp_path)


def rows(lake: Lake) -> dict[str, list[tuple]]:
    """What a lake has of the events, sorted."""
    found = held(lake)
    return {table: found[table] for table in (*EVENTS, "coverage")}


@cache
def whole() -> dict[str, list[tuple]]:
    """What one process reads."""
    with TemporaryDirectory() as folder:
        ingest.from_node(Lake(Path(folder)), Node(sample.Provider(CHAIN)), sample.WATCHED)
        return rows(Lake(Path(folder)))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edges=st.sets(st.integers(1, TIP), max_size=5),
    order=st.randoms(use_true_random=False),
    left_out=st.integers(0, 5),
)
@example(edges={FINAL, FINAL + 1, 20, 21}, order=None, left_out=5)
def test_any_split_into_ranges_read_in_any_order_gives_the_rows_of_one_process(edges, order, left_out):
    starts = [0, *sorted(edges), TIP + 1]
    split = [Range(first, after - 1) for first, after in pairwise(starts)]
    if order:
        order.shuffle(split)
    with TemporaryDirectory() as folder:
        site = Site(Path(folder))
        for nth, blocks in enumerate(split):
            if nth != left_out:
                site.read(blocks.first, blocks.last)
        assert site.take().failures == ()
        assert rows(site.lake) == whole()
        site.take()
        assert site.ranges.held() == []
        assert rows(site.lake) == whole()


def test_a_killed_range_goes_on_and_the_others_are_as_they_were(site, monkeypatch):
    monkeypatch.setattr(ingest, "BATCH_ANSWERS", 1)
    monkeypatch.setattr("ingestion.evm.log_ranges.Width.__init__.__defaults__", (4,))
    site.read(20, FINAL)
    other = {path: path.read_bytes() for path in site.ranges.lake(Range(20, FINAL)).root.rglob("*.*")}
    begun = 0
    while not begun:  # on a busy machine all may be asked for before the first answer is stored
        with pytest.raises(Killed):
            site.read(0, 19, Mortal(CHAIN, 20))
        begun = read_record(site.ranges.lake(Range(0, 19)), "anvil").final_number or 0
    assert begun < 19
    result = site.read(0, 19)
    assert result.blocks == 19 - begun
    assert other == {path: path.read_bytes() for path in site.ranges.lake(Range(20, FINAL)).root.rglob("*.*")}
    site.take()
    assert rows(site.lake) == whole()


def test_taking_that_is_killed_is_taken_once(site, monkeypatch):
    site.read(0, 19)
    site.read(20, FINAL)
    drop = Lake.drop
    for method in ("write_record", "drop"):
        monkeypatch.setattr(Lake, method, lambda *_: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            site.take(last=19)
        monkeypatch.undo()
    monkeypatch.setattr("shutil.rmtree", lambda *_: (_ for _ in ()).throw(Killed()))
    with pytest.raises(Killed):
        site.take()
    monkeypatch.undo()
    assert drop is Lake.drop
    site.take()
    assert rows(site.lake) == whole()
    assert [*site.ranges.folder.iterdir()] == []


def test_what_the_chain_has_is_neither_asked_for_again_nor_held_twice(site):
    site.read(16, 32)
    site.take(first=20, last=24)
    assert site.ranges.held() == []
    provider = Counting(CHAIN)
    site.read(14, 30, provider)
    assert provider.asked < 15
    site.read(12, 18)  # overlaps
    site.take()
    assert rows(site.lake) == whole()


def test_a_range_of_some_tokens_leaves_the_others_to_be_read(site):
    coin = WatchList("anvil", 31337, sample.WATCHED.tokens[:1])
    site.read(0, 24, watched=coin)
    (failure,) = site.take(first=25).failures
    assert "1 ranges of anvil's history are not read to the end, the first of them 0-24" in failure
    site.read(0, 24)
    assert site.take(first=25).failures == ()
    assert rows(site.lake) == whole()


def test_ranges_that_are_missing_are_named_in_one_sentence(tmp_path):
    plan = planned(24, 8)
    site = Site(tmp_path, plan)
    assert [str(each) for each in plan] == ["0-7", "8-15", "16-23"]
    site.read(0, 7)
    (failure,) = site.take(first=24).failures
    assert "2 ranges" in failure
    assert "first of them 8-15: run `flowhouse ingest evm --network anvil --blocks 8-15`" in failure
    site.at_work = {plan[1]}
    site.read(16, 23)
    site.ranges.lake(plan[1]).create(ledger.SOURCE, ledger.TABLES)
    assert site.take(first=24).failures == ()  # somebody is at work
    assert site.ranges.held() == [plan[1]]
    site.at_work = set()
    site.read(8, 15)
    assert site.take(first=24).failures == ()
    assert rows(site.lake) == whole()


def test_what_is_not_finalized_is_left_to_the_increment(site):
    (failure,) = site.read(FINAL - 5, TIP + 3).failures
    assert f"Blocks {FINAL + 1:,} to {TIP + 3:,} are not finalized yet" in failure
    assert pl.read_parquet(site.ranges.lake(Range(FINAL - 5, TIP + 3)).root / "evm/transfers/*.parquet")[
        "is_final"
    ].all()
    (failure,) = site.read(FINAL + 1, TIP).failures
    assert f"Blocks {FINAL + 1:,} to {TIP:,} are not finalized yet" in failure


def test_a_range_of_another_chain_is_refused_and_the_others_are_taken(site):
    other = CHAIN.fork(TIP - 30)
    while len(other.blocks) < len(CHAIN.blocks):
        other.mine(CHAIN.blocks[len(other.blocks)].time, salt="other")
    site.read(0, 19)
    site.read(20, FINAL, sample.Provider(other))
    with pytest.raises(ChainMismatch):
        site.read(20, FINAL)
    (failure,) = site.take(first=FINAL + 1, last=FINAL + 1).failures
    assert f"ranges/evm-anvil/20-{FINAL} has block {FINAL:,}, which is none of the sample's node's" in failure
    assert site.ranges.held() == [Range(20, FINAL)]
    site.ranges.lake(Range(20, FINAL)).drop()
    site.take()
    assert rows(site.lake) == whole()


def test_a_range_of_a_node_that_is_ahead_waits(site):
    site.read(0, FINAL)
    behind = sample.Chain(CHAIN.not_final, CHAIN.blocks[:-3])
    assert any("let the node catch up" in failure for failure in site.take(sample.Provider(behind)).failures)
    site.take()
    assert rows(site.lake) == whole()


def test_a_damaged_range_is_refused_by_name_and_the_rest_goes_on(site):
    site.read(0, 19)
    site.read(20, FINAL)
    lake = site.ranges.lake(Range(0, 19))
    damaged = lake.path("evm", "transfers", lake.parts("evm", "transfers")[0])
    content = bytearray(damaged.read_bytes())
    content[40] ^= 4
    damaged.write_bytes(content)
    failures = site.take(first=FINAL + 1).failures
    assert failures == ("ranges/evm-anvil/0-19 is damaged: remove that folder and read these blocks again.",)
    with pytest.raises(LakeDamaged, match=r"^ranges/evm-anvil/0-19 is damaged: remove that folder and read"):
        ingest.read_range(lake, None, Node(sample.Provider(CHAIN)), sample.WATCHED, Range(0, 30))
    lake.write_record("evm", "anvil.json", "{")
    assert site.take(first=FINAL + 1).failures == failures
    lake.drop()
    site.take()
    assert rows(site.lake) == whole()


def test_another_chains_provider_writes_nothing(site):
    with pytest.raises(WrongChain):
        site.read(0, 19, sample.Provider(CHAIN, chain_id=1))
    assert site.ranges.held() == []
    site.take()
    other = sample.Chain()
    other.mine(1_700_000_000, salt="other")
    for number in range(1, TIP + 1):
        other.mine(1_700_000_000 + number)
    with pytest.raises(ChainMismatch):
        site.read(0, 19, sample.Provider(other))


@pytest.mark.parametrize("text", ["", "5", "5-", "-5", "9-5", "1-2-3", "1 - 2", "0x1-0x2", "1-9999999999999999"])
def test_a_text_that_is_no_range_is_refused(text):
    with pytest.raises(UsageError, match="is no range of blocks: give the first and the last"):
        Range.parse(text)


def test_the_plan_ends_where_the_increment_begins():
    assert planned(2_210, 1_000) == (Range(0, 999), Range(1000, 1999), Range(2000, 2209))
    assert planned(20, 10) == (Range(0, 9), Range(10, 19))
    assert planned(0, 10) == ()


def test_no_row_of_the_newest_blocks_is_taken(site, tmp_path):
    """A whole lake that was copied among the ranges has a tail."""
    ingest.from_node(site.ranges.lake(Range(0, FINAL)), Node(sample.Provider(CHAIN)), sample.WATCHED)
    chain = EventLedger(site.lake, "anvil")
    chain.take(EventLedger(site.ranges.lake(Range(0, FINAL)), "anvil"))
    assert pl.read_parquet(site.lake.root / "evm/transfers/*.parquet")["is_final"].all()
    site.take()
    assert rows(site.lake) == whole()


def test_blocks_that_were_the_newest_are_held_once_when_a_range_brings_them(site):
    site.take()
    site.read(FINAL + 1, TIP, sample.Provider(sample.Chain(0, CHAIN.blocks)))
    chain = EventLedger(site.lake, "anvil")
    chain.take(EventLedger(site.ranges.lake(Range(FINAL + 1, TIP)), "anvil"))
    transfers = pl.read_parquet(site.lake.root / "evm/transfers/*.parquet")
    assert transfers.select("block_hash", "log_index").is_unique().all()
    assert transfers["is_final"].all()
    assert (chain.record.final_number, chain.last_block()) == (TIP, TIP)
