"""A simulated chain read into the lake: killed, resumed, reorganised, refused."""

import re
from datetime import UTC, date, datetime

import polars as pl
import pytest
from simulated import TOKEN, Spoilt, held, mint

from ingestion.errors import ChainMismatch, ReorgDuringRead, UsageError
from ingestion.evm import ingest, reconcile
from ingestion.evm.block_range import BlockRange
from ingestion.evm.errors import WrongChain
from ingestion.evm.node import Node
from ingestion.evm.rows import Token, WatchList
from ingestion.lake.tables import Lake
from ingestion.sample import tokens as sample
from ingestion.transport.errors import NodeRefused

DAY = 86_400
START = int(datetime(2025, 11, 1, tzinfo=UTC).timestamp())


@pytest.fixture(scope="module")
def chain() -> sample.Chain:
    return sample.chain()


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(tmp_path / "lake")


def read(
    lake: Lake, provider: sample.Provider, watch_list: WatchList = sample.WATCHED, **wanted
) -> ingest.IngestResult:
    return ingest.from_node(lake, Node(provider), watch_list, BlockRange(**wanted))


def table(lake: Lake, name: str = "transfers") -> pl.DataFrame:
    return pl.read_parquet(lake.root / "evm" / name / "*.parquet")


def watching(*tokens: Token) -> WatchList:
    return WatchList("anvil", 31337, tokens)


def small(blocks: int = 30, not_final: int = 10) -> sample.Chain:
    """Six blocks a day, a mint in each."""
    made = sample.Chain(not_final)
    for number in range(blocks):
        made.mine(START + number * DAY // 6, [mint(number + 1)] if number else [])
    return made


class Killed(BaseException):
    """The process is gone."""


class Mortal(sample.Provider):
    """A node whose client dies at a request."""

    def __init__(self, chain: sample.Chain, last: int):
        super().__init__(chain)
        self.left = last

    def answer(self, method, params):
        self.left -= 1
        if self.left < 0:
            raise Killed
        return super().answer(method, params)


def test_killed_at_any_request_and_resumed_equals_uninterrupted(tmp_path, monkeypatch):
    monkeypatch.setattr(ingest, "BATCH_ANSWERS", 1)
    monkeypatch.setattr("ingestion.evm.log_ranges.Width.__init__.__defaults__", (4,))
    made = small(16, 6)
    whole = Lake(tmp_path / "whole")
    counting = Mortal(made, 10**6)
    read(whole, counting)
    requests = 10**6 - counting.left
    assert requests > 30
    for last in range(0, requests, 2):
        lake = Lake(tmp_path / str(last))
        with pytest.raises(Killed):
            read(lake, Mortal(made, last))
        read(lake, sample.Provider(made))
        assert held(lake) == held(whole), last


def test_killed_while_blocks_come_to_be_final_none_is_held_twice(tmp_path):
    made = small(16, 6)
    longer = small(20, 6)
    whole = Lake(tmp_path / "whole")
    read(whole, sample.Provider(longer))
    for last in range(0, 30, 3):
        lake = Lake(tmp_path / str(last))
        read(lake, sample.Provider(made))
        try:
            read(lake, Mortal(longer, last))
        except Killed:
            keys = table(lake).select("block_hash", "log_index")
            assert keys.is_unique().all(), last
        read(lake, sample.Provider(longer))
        assert held(lake)["transfers"] == held(whole)["transfers"]
        assert held(lake)["coverage"] == held(whole)["coverage"]


@pytest.mark.parametrize(("depth", "mined"), [(1, 1), (1, 2), (3, 4), (7, 8), (7, 3), (2, 0)])
def test_a_reorganised_chain_is_held_as_a_clean_read_has_it(lake, tmp_path, depth, mined):
    made = small()
    read(lake, sample.Provider(made))
    other = made.fork(depth)
    for n in range(mined):
        other.mine(START + (30 - depth + n) * DAY // 6, [mint(500 + n)], salt="other")
    other.not_final = made.not_final + mined - depth  # what is finalized stays so
    read(lake, sample.Provider(other))
    clean = Lake(tmp_path / "clean")
    read(clean, sample.Provider(other))
    assert held(lake) == held(clean)


def test_blocks_of_the_tail_that_are_held_are_not_asked_for_again(lake):
    made = small()
    read(lake, sample.Provider(made))
    other = made.fork(2)
    other.mine(START + 28 * DAY // 6, [mint(500)], salt="other")
    other.not_final = 9
    provider = Spoilt(other)
    read(lake, provider)
    assert provider.hashes == [other.blocks[-1].hash]


def test_blocks_whose_bloom_denies_any_event_are_not_asked_for(lake):
    made = small()
    for _ in range(10):
        made.mine(made.blocks[-1].time + DAY)
    provider = Spoilt(made)
    read(lake, provider)
    assert provider.hashes == []


def test_a_node_that_is_behind_what_was_final_holds_nothing_twice(lake):
    made = small()
    read(lake, sample.Provider(made))
    made.not_final = 14
    read(lake, sample.Provider(made))
    assert table(lake)["amount_units"].sort().to_list() == list(range(2, 31))


def test_a_tail_of_other_events_is_read_again(lake):
    made, first, second = small(), *sample.WATCHED.tokens
    made.mine(START + 5 * DAY, [mint(7, second.address)])
    made.not_final += 1
    read(lake, sample.Provider(made), watching(first))
    read(lake, sample.Provider(made), watching(first, second))
    assert table(lake).filter(pl.col("token") == second.address)["amount_units"].to_list() == [7]
    assert table(lake).height == 30


@pytest.mark.parametrize("still_knows_the_old", [False, True])
def test_a_reorg_while_the_tail_is_read_is_read_over(lake, still_knows_the_old):
    made = small()
    other = made.fork(3)
    for n in range(4):
        other.mine(START + (27 + n) * DAY // 6, [mint(500 + n)], salt="other")

    stale = {block.hash for block in made.blocks} - {block.hash for block in other.blocks}

    class Moving(Spoilt):
        def eth_getLogs(self, asked):
            if asked.get("blockHash") not in stale:
                return super().eth_getLogs(asked)
            self.chain = other
            return sample.Provider(made if still_knows_the_old else other).eth_getLogs(asked)

    read(lake, Moving(made))
    assert table(lake)["amount_units"].sort().to_list()[-4:] == [500, 501, 502, 503]


def test_a_chain_that_moves_all_the_time_ends_in_a_sentence(lake):
    class Moving(Spoilt):
        def eth_getBlockByNumber(self, tag, full):
            header = super().eth_getBlockByNumber(tag, full)
            is_new = tag not in ("latest", "finalized") and int(tag, 16) > 19
            return header | {"parentHash": "0x" + 64 * "9"} if is_new else header

    with pytest.raises(ReorgDuringRead, match=r"could not be read in 5 attempts.*try again later"):
        read(lake, Moving(small()))


def test_a_chain_without_blooms_is_refused(lake):
    class Bare(Spoilt):
        def eth_getBlockByNumber(self, tag, full):
            return super().eth_getBlockByNumber(tag, full) | {"logsBloom": "0x" + 512 * "0"}

    with pytest.raises(NodeRefused, match="that the block's bloom excludes"):
        read(lake, Bare(small()))


def test_another_chain_is_never_mixed_in(lake):
    read(lake, sample.Provider(small()))
    other = sample.Chain(10)
    for number in range(30):
        other.mine(START + number * DAY // 6, [mint(number + 1)], salt="another")
    with pytest.raises(ChainMismatch, match="was finalized: let the node catch up, or choose another --home"):
        read(lake, sample.Provider(other))
    assert table(lake)["amount_units"].max() == 30


def test_a_node_of_another_chain_is_refused(lake):
    with pytest.raises(WrongChain, match=r"serves the chain with id 1, not anvil \(31337\)"):
        read(lake, sample.Provider(small(), chain_id=1))


def test_an_address_without_a_contract_is_named_and_the_rest_goes_on(lake):
    nobody = Token("0x" + 40 * "9", "NOBODY", 8, 1)
    taken = read(lake, sample.Provider(small()), watching(sample.BITCOIN, nobody))
    assert taken.failures == (
        f"NOBODY ({nobody.address}) is not a contract on anvil: correct its address in the seeds.",
    )
    assert table(lake).height == 29


def test_a_first_block_that_is_not_known_is_searched_for_once(lake):
    class Late(Spoilt):
        asked = 0

        def eth_getCode(self, address, tag):
            self.asked += 1
            return "0x00" if self._number(tag) >= 13 else "0x"

    unknown = Token(TOKEN, "SIMBTC", 8)
    made = sample.Chain(10)
    for number in range(30):
        made.mine(START + number * DAY // 6, [mint(number)] if number > 13 else [])
    first, second = Late(made), Late(made)
    assert read(lake, first, watching(unknown)).failures == ()
    assert table(lake, "coverage").filter("is_final")["from_block"].to_list() == [13]
    assert 3 < first.asked < 10
    read(lake, second, watching(unknown))
    assert second.asked == 1


def test_without_old_state_a_first_block_must_be_stated_and_logs_are_taken(lake):
    class Pruned(Spoilt):
        def eth_getCode(self, address, tag):
            if tag != "latest":
                raise LookupError("missing trie node")
            return "0x00"

        def eth_call(self, call, tag):
            raise LookupError("missing trie node")

    unknown = Token(sample.DOLLAR.address, "SIMUSD", 6)
    taken = read(lake, Pruned(small()), watching(sample.BITCOIN, unknown))
    first, second = taken.failures
    assert "SIMUSD" in first
    assert "missing trie node" in first
    assert "add it there, or ask an archive node" in first
    assert "cannot be compared (error -32000: missing trie node)" in second
    assert "the logs are stored anyway" in second
    assert table(lake).height == 29
    assert table(lake, "supplies")["is_reconciled"].to_list() == [None]


def test_a_day_ends_where_the_next_begins(lake):
    read(lake, sample.Provider(small(not_final=2)), day=date(2025, 11, 3))
    assert table(lake)["block_number"].to_list() == [12, 13, 14, 15, 16, 17]
    assert table(lake)["value_date"].unique().to_list() == [date(2025, 11, 3)]


def test_a_day_that_is_not_final_is_refused(lake):
    with pytest.raises(UsageError, match="2025-11-04 is not finalized yet"):
        read(lake, sample.Provider(small()), day=date(2025, 11, 4))


def test_a_supply_that_is_not_what_transfers_give_refuses_the_token_and_no_other(lake, tmp_path, chain):
    lying = sample.Chain(chain.not_final, chain.blocks, {TOKEN: 1})
    (failure,) = read(lake, sample.Provider(lying)).failures
    assert failure.startswith(f"SIMBTC ({TOKEN}) is refused at block 239, its totalSupply is 1 and its transfers give ")
    assert table(lake)["token"].unique().to_list() == [sample.DOLLAR.address]
    assert table(lake, "supplies")["is_reconciled"].sort().to_list() == [False, True]
    assert table(lake, "liquidations").height == 1
    assert read(lake, sample.Provider(chain)).failures == ()
    clean = Lake(tmp_path / "clean")
    read(clean, sample.Provider(chain))
    assert held(lake) == held(clean)


def test_a_holder_whose_balance_is_not_what_transfers_give_refuses_the_token(lake):
    class Fee(Spoilt):
        def eth_call(self, call, tag):
            units = int(super().eth_call(call, tag), 16)
            return hex(units - 1 if len(call["data"]) > 10 else units)

    (failure,) = read(lake, Fee(small()), watching(sample.BITCOIN)).failures
    assert f"{sample.TRADERS[0]} holds {sum(range(2, 21)) - 1} and its transfers give {sum(range(2, 21))}" in failure


def test_balances_of_watched_addresses_are_held_with_those_of_the_chains_own_coin(lake, chain):
    read(lake, sample.Provider(chain))
    rows = table(lake, "balances").filter(pl.col("address") == sample.CUSTODIAN)
    assert sorted(rows["token"]) == ["", *(token.address for token in sample.WATCHED.tokens)]
    assert rows.filter(pl.col("token") == "")["balance_units"].to_list() == [10**18]
    for token in sample.WATCHED.tokens:
        expected = chain.balances(token.address, 239)[sample.CUSTODIAN]
        assert rows.filter(pl.col("token") == token.address)["balance_units"].to_list() == [expected]


def test_balances_are_held_though_only_a_day_is_read(lake, chain):
    assert read(lake, sample.Provider(chain), day=sample.CRASH).failures == ()
    rows = table(lake, "balances")
    assert rows.select("address", "value_date").unique().rows() == [(sample.CUSTODIAN, sample.CRASH)]
    assert sorted(rows["token"]) == ["", *(token.address for token in sample.WATCHED.tokens)]


def test_progress_is_reported(lake):
    calls = []
    ingest.from_node(lake, Node(sample.Provider(small())), sample.WATCHED, progress=lambda *each: calls.append(each))
    assert calls == [(19, 19, 19)]


def test_nothing_new_reads_nothing(lake):
    made = small()
    read(lake, sample.Provider(made))
    provider = Spoilt(made)
    assert read(lake, provider).events == 0
    assert provider.ranges == provider.hashes == []


def test_equal_amounts_give_the_same_sample_in_whatever_order_they_are_held():
    rows = [(block, 0, f"0x{block:040x}", 7) for block in range(500)]
    names = ["block_number", "log_index", "to_address", "amount_units"]
    orders = (
        pl.DataFrame(each, schema=names, orient="row").lazy() for each in (rows, rows[::-1], rows[250:] + rows[:250])
    )
    assert len({frozenset(reconcile._sample(each)) for each in orders}) == 1


def test_a_token_that_begins_above_the_chains_end_is_named_and_the_rest_goes_on(lake):
    wbtc = Token("0x" + 40 * "9", "WBTC", 8, 6_766_284)
    provider = sample.Provider(small())
    taken = read(lake, provider, watching(sample.BITCOIN, wbtc))
    assert taken.failures == (
        f"WBTC ({wbtc.address}) begins at block 6,766,284, and the chain of {provider.shown} ends at block 29: let the"
        " node catch up, or ask one of anvil.",
    )
    assert (taken.blocks, table(lake).height) == (29, 29)
    last = Token("0x" + 40 * "9", "WBTC", 8, 29)
    assert "is not a contract" in read(lake, provider, watching(sample.BITCOIN, last)).failures[0]


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"first": 30}, "Nothing was read from block 30 on, where the chain of .* ends at block 29: try again"),
        ({"first": 5, "last": 30}, "Blocks up to 30 were asked for and read up to 29, where the chain of"),
        ({"last": 0}, "There is nothing to read up to block 0: .* begins with SIMBTC at block 1, so ask for later"),
    ],
)
def test_blocks_that_the_chain_does_not_have_are_named(lake, wanted, sentence):
    taken = read(lake, sample.Provider(small()), watching(sample.BITCOIN), **wanted)
    (failure,) = taken.failures
    assert re.search(sentence, failure)
    assert taken.events == (25 if wanted.get("first") == 5 else 0)


@pytest.mark.parametrize("wanted", [{"first": 5, "last": 29}, {"last": 1}, {"first": 29}])
def test_blocks_that_the_chain_has_are_no_failure(lake, wanted):
    assert read(lake, sample.Provider(small()), watching(sample.BITCOIN), **wanted).failures == ()


def test_a_day_before_the_chain_is_refused(lake):
    day = datetime.fromtimestamp(START - DAY, UTC).date()
    with pytest.raises(UsageError, match=f"has no block on {day}: ask for a later day"):
        read(lake, sample.Provider(small()), watching(sample.BITCOIN), day=day)


@pytest.mark.parametrize("wanted", [{"first": 7, "last": 6}, {"first": 1, "day": date(2025, 11, 1)}])
def test_a_range_that_is_none_is_refused(wanted):
    with pytest.raises(UsageError, match="give"):
        BlockRange(**wanted)
