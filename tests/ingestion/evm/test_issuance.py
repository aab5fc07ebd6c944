"""Coins issued and taken back without a Transfer, against a contract in plain Python and one on a real node: whose they
are, whatever is read first, and what is said where nobody can tell."""

import itertools
from collections import defaultdict
from contextlib import nullcontext

import anvil
import polars as pl
import pytest
import tether
from eth_utils.crypto import keccak
from simulated import HOLDERS, held
from tether import BORN, KEY, TETHER, WATCHED, Chain, Contract

from ingestion.evm import ingest, node, rows
from ingestion.evm import provider as rpc
from ingestion.evm.block_range import BlockRange
from ingestion.evm.issuance import NO_TRANSACTION
from ingestion.evm.node import Node
from ingestion.evm.ranges import Range, Ranges
from ingestion.evm.rows import DESTROYED_BLACK_FUNDS, ISSUE, REDEEM, ZERO_ADDRESS, Token, WatchList
from ingestion.lake.tables import Lake

ANN, BOB, CAT = HOLDERS[:3]


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(tmp_path / "lake")


def read(lake: Lake, provider: tether.Node, watch_list: WatchList = WATCHED, **wanted) -> ingest.IngestResult:
    return ingest.from_node(lake, Node(provider), watch_list, BlockRange(**wanted))


def table(lake: Lake, name: str = "transfers") -> pl.DataFrame:
    return pl.read_parquet(lake.root / "evm" / name / "*.parquet")


def moves(lake: Lake) -> list[tuple]:
    columns = ["block_number", "log_index", "from_address", "to_address", "amount_units"]
    return table(lake).select(columns).sort("block_number", "log_index").rows()


def supplies(lake: Lake) -> list[tuple]:
    of_token = table(lake, "supplies").filter(pl.col("token") == TETHER.address)
    return of_token.select("supply_units", "held_units", "is_reconciled").rows()


def assert_every_balance(lake: Lake, chain: Chain) -> None:
    """Every holder's balance, and the supply, at the end of every block."""
    sums: dict[str, int] = defaultdict(int)
    of_block = {number: [*rows] for number, rows in itertools.groupby(moves(lake), key=lambda row: row[0])}
    for block in chain.blocks[BORN:]:
        for _, _, sender, receiver, units in of_block.get(block.number, ()):
            sums[sender] -= units
            sums[receiver] += units
        state = chain.states[block.hash]
        lost = state.balances.get(ZERO_ADDRESS, 0)
        expected = {holder: units for holder, units in state.balances.items() if units and holder != ZERO_ADDRESS}
        assert {holder: units for holder, units in sums.items() if units and holder != ZERO_ADDRESS} == expected
        assert -sums[ZERO_ADDRESS] == state.supply - lost


def small() -> Chain:
    """Ann creates the contract with 1,000 coins, issues 50, and hands it over to Bob, who redeems 20 of his 30."""
    made, contract = Chain(not_final=4), Contract(ANN, 1_000)
    for _ in range(BORN):
        made.add(None)
    made.add(contract)
    made.add(contract, contract.issue(50))
    made.add(contract, contract.pay(ANN, BOB, 30))
    contract.owner = BOB
    made.add(contract)
    made.add(contract, contract.redeem(20))
    made.add(contract, contract.destroy(ANN))
    for _ in range(6):
        made.add(contract)
    return made


SMALL = [
    (3, -1, ZERO_ADDRESS, ANN, 1_000),
    (4, 0, ZERO_ADDRESS, ANN, 50),
    (5, 0, ANN, BOB, 30),
    (7, 0, BOB, ZERO_ADDRESS, 20),
    (8, 0, ANN, ZERO_ADDRESS, 1_020),
]


def test_topics_and_calls_are_the_digests_of_their_signatures():
    signatures = {
        "Transfer(address,address,uint256)": rows.TRANSFER,
        "Issue(uint256)": ISSUE,
        "Redeem(uint256)": REDEEM,
        "DestroyedBlackFunds(address,uint256)": DESTROYED_BLACK_FUNDS,
    }
    assert {"0x" + keccak(text=each).hex(): each for each in signatures} == {b: a for a, b in signatures.items()}
    calls = {"totalSupply()": node.TOTAL_SUPPLY, "balanceOf(address)": node.BALANCE_OF, "owner()": node.OWNER}
    assert {each: "0x" + keccak(text=each)[:4].hex() for each in calls} == calls


def test_coins_come_to_and_go_from_whoever_owns_the_contract(lake):
    made = small()
    assert read(lake, tether.Node(made)).failures == ()
    assert moves(lake) == SMALL
    assert table(lake).filter(pl.col("transaction_hash") == NO_TRANSACTION).height == 1
    assert supplies(lake) == [(10, 10, True)]
    assert_every_balance(lake, made)


@pytest.mark.parametrize("seed", range(8))
def test_any_history_gives_every_balance_at_every_block(lake, seed):
    made = tether.history(seed)
    assert read(lake, tether.Node(made)).failures == ()
    assert_every_balance(lake, made)
    assert [each[-1] for each in supplies(lake)] == [True]


@pytest.mark.parametrize("splits", [[0, 3, 31], [2, 4, 17], [20, 5, 31], [*range(0, 31, 7)]])
def test_ranges_in_whatever_order_give_the_same_rows(lake, tmp_path, splits):
    made, whole = tether.history(3), Lake(tmp_path / "whole")
    read(whole, tether.Node(made))
    for first, last in sorted(itertools.pairwise(sorted({0, *splits, 31})), key=str):
        read(lake, tether.Node(made), first=first, last=last)
    read(lake, tether.Node(made))
    assert held(lake) == held(whole)


def test_ranges_that_share_nothing_give_the_rows_of_one_process(lake, tmp_path):
    made, whole = tether.history(4), Lake(tmp_path / "whole")
    read(whole, tether.Node(made))
    ranges = Ranges(tmp_path / "ranges", lambda blocks: nullcontext(), RuntimeError)
    for blocks in (Range(17, 31), Range(0, BORN), Range(BORN + 1, 16)):
        result = ingest.read_range(ranges.lake(blocks), None, Node(tether.Node(made)), WATCHED, blocks)
        assert result.failures == ()
    provider = tether.Node(made)
    assert ingest.from_node(lake, Node(provider), WATCHED, ranges=ranges).failures == ()
    assert provider.ranges == []
    assert held(lake) == held(whole)


@pytest.mark.parametrize("depth", [1, 5, 7])
def test_a_reorganised_issue_is_that_of_the_chain_that_stays(lake, tmp_path, depth):
    made = tether.history(5)
    read(lake, tether.Node(made))
    other = made.fork(depth)
    contract = other.contract()
    contract.owner = CAT
    other.add(contract, salt="other")
    for _ in range(depth):
        other.add(contract, contract.issue(7), salt="other")
    other.not_final += 1
    assert read(lake, tether.Node(other)).failures == ()
    clean = Lake(tmp_path / "clean")
    read(clean, tether.Node(other))
    assert held(lake) == held(clean)
    assert_every_balance(lake, other)


def test_a_contract_created_in_the_newest_blocks_is_held_once_these_are_final_too(lake, tmp_path):
    made = small()
    made.not_final = 14
    for _ in range(2):
        assert read(lake, tether.Node(made)).failures == ()
        assert moves(lake) == SMALL
        made.add(made.contract())
        made.not_final += 1
    for _ in range(18):
        made.add(made.contract())
    assert read(lake, tether.Node(made)).failures == ()
    assert moves(lake) == SMALL
    assert table(lake)["is_final"].all()


def test_only_the_events_that_a_lake_lacks_are_read_of_the_blocks_that_it_has(lake):
    made, plain = small(), Token(TETHER.address, "TETHER", 6, BORN)
    read(lake, tether.Node(made, oldest_state=11), WatchList("anvil", 31337, (plain,)))
    assert moves(lake) == [SMALL[2]]
    topics = set()

    class Watching(tether.Node):
        def eth_getLogs(self, asked):
            if "fromBlock" in asked:
                topics.update(asked["topics"][0])
            return super().eth_getLogs(asked)

    assert read(lake, Watching(made), WatchList("anvil", 31337, (TETHER,))).failures == ()
    assert moves(lake) == SMALL
    assert topics == {ISSUE, REDEEM, DESTROYED_BLACK_FUNDS}
    assert supplies(lake) == [(10, 10, True)]


@pytest.mark.parametrize("dropped", [ISSUE, REDEEM, DESTROYED_BLACK_FUNDS])
def test_a_provider_that_leaves_an_event_out_has_the_token_refused(lake, dropped):
    class Leaving(tether.Node):
        def eth_getLogs(self, asked):
            return [each for each in super().eth_getLogs(asked) if each["topics"][0] != dropped]

    (failure,) = read(lake, Leaving(small())).failures
    assert failure.startswith(f"TETHER ({TETHER.address}) is refused at block 10, its totalSupply is 10 and its")
    assert moves(lake) == []
    assert read(lake, tether.Node(small())).failures == ()
    assert moves(lake) == SMALL


def test_coins_given_to_the_wrong_owner_have_the_token_refused(lake):
    class Lying(tether.Node):
        def eth_call(self, call, tag):
            is_owner = call["data"] == node.OWNER
            return f"0x{int(CAT, 16):064x}" if is_owner else super().eth_call(call, tag)

    (failure,) = read(lake, Lying(small())).failures
    assert "is refused" in failure
    assert "holds" in failure


def test_even_a_small_issue_to_the_wrong_owner_among_many_payments_is_noticed(lake):
    made, contract = Chain(not_final=1), Contract(ANN, 0)
    for _ in range(BORN):
        made.add(None)
    made.add(contract)
    made.add(contract, *[contract.issue(10) for _ in range(40)])
    made.add(contract)
    made.add(contract, contract.issue(1))
    for payer, holder in itertools.pairwise([ANN, *HOLDERS[4:]]):
        made.add(contract, contract.pay(payer, holder, 350))

    class Lying(tether.Node):
        def eth_call(self, call, tag):
            is_lie = call["data"] == node.OWNER and self._number(tag) in (BORN + 2, BORN + 3)
            return f"0x{int(CAT, 16):064x}" if is_lie else super().eth_call(call, tag)

    (failure,) = read(lake, Lying(made)).failures
    assert f"{ANN} holds 51 and its transfers give 50" in failure


def test_an_owner_that_changes_in_the_block_of_an_issue_is_told_by_the_transaction(lake):
    for via in ((ANN, TETHER.address), (KEY, ANN)):
        made, contract = Chain(not_final=1), Contract(ANN, 0)
        for _ in range(BORN):
            made.add(None)
        made.add(contract)
        log = contract.issue(5)
        contract.owner = BOB
        made.add(contract, log, via=via)
        made.add(contract, contract.issue(6), contract.pay(BOB, CAT, 2))
        made.add(contract)
        again = Lake(lake.root / via[0])
        assert read(again, tether.Node(made)).failures == ()
        assert_every_balance(again, made)


def test_a_node_without_old_states_tells_owners_by_transactions_once_the_first_coins_are_known(lake):
    made = tether.history(8)
    read(lake, tether.Node(made), last=10)
    assert read(lake, tether.Node(made, oldest_state=31)).failures == ()
    assert_every_balance(lake, made)


def test_a_node_that_cannot_name_the_owner_is_named_and_another_reads_the_rest(lake, tmp_path):
    made, whole = small(), Lake(tmp_path / "whole")
    (failure,) = read(lake, tether.Node(made, oldest_state=10)).failures
    assert failure.startswith(
        f"TETHER ({TETHER.address}) issues coins without a Transfer, and the sample's node cannot"
    )
    assert failure.endswith("missing trie node): ask an archive node; what this one can tell is stored.")
    assert moves(lake) == [SMALL[2]]
    assert [each[-1] for each in supplies(lake)] == [None]
    assert read(lake, tether.Node(made)).failures == ()
    read(whole, tether.Node(made))
    assert held(lake) == held(whole)


def test_one_unknown_owner_holds_up_neither_other_blocks_nor_other_tokens(lake, monkeypatch):
    monkeypatch.setattr(ingest, "BATCH_ANSWERS", 1)
    monkeypatch.setattr("ingestion.evm.log_ranges.Width.__init__.__defaults__", (2,))
    made = small()

    class Forgetful(tether.Node):
        def eth_call(self, call, tag):
            if call["data"] == node.OWNER and self._number(tag) == 7:
                raise LookupError("missing trie node")
            return super().eth_call(call, tag)

        def eth_getTransactionByHash(self, transaction):
            return None

    (failure,) = read(lake, Forgetful(made)).failures
    assert "cannot say to whom" in failure
    assert moves(lake) == [each for each in SMALL if each[0] < 7]
    assert read(lake, tether.Node(made)).failures == ()
    assert moves(lake) == SMALL


def test_a_reorg_while_the_owner_is_asked_for_leaves_no_failure_behind(lake):
    made = small()
    other, contract = made.fork(1), made.contract()
    made.add(contract, contract.issue(5))
    for n in (6, 7):
        other.add(contract, contract.issue(n), salt="other")

    class Moving(tether.Node):
        def eth_call(self, call, tag):
            if self.chain is made and call["data"] == node.OWNER and self._number(tag) == made.blocks[-1].number:
                raise LookupError("header not found")
            return super().eth_call(call, tag)

        def eth_getTransactionByHash(self, transaction):
            self.chain = other
            return super().eth_getTransactionByHash(transaction)

    assert read(lake, Moving(made)).failures == ()
    assert [each[-1] for each in moves(lake)[-2:]] == [6, 7]


class Crowded(tether.Node):
    """A node of blocks so full that their blooms exclude nothing."""

    def eth_getBlockByNumber(self, tag, full):
        header = super().eth_getBlockByNumber(tag, full)
        return header and header | {"logsBloom": "0x" + 512 * "f"}


def test_blocks_without_rare_events_are_not_asked_for_one_by_one(lake):
    made = small()
    contract = made.contract()
    while len(made.blocks) < 60:
        made.add(contract, contract.pay(BOB, CAT, 0))
    provider = Crowded(made)
    assert read(lake, provider, WatchList("anvil", 31337, (TETHER,))).failures == ()
    assert len(provider.hashes) < 20


@pytest.mark.parametrize("first", [None, 0, 2, BORN])
def test_the_block_that_created_the_contract_is_found_wherever_the_seeds_let_it_begin(lake, first):
    token = Token(TETHER.address, "TETHER", 6, first, "issue_redeem")
    assert read(lake, tether.Node(small()), WatchList("anvil", 31337, (token,))).failures == ()
    assert moves(lake) == SMALL


def test_a_first_block_after_the_first_coins_is_refused(lake):
    token = Token(TETHER.address, "TETHER", 6, BORN + 1, "issue_redeem")
    (failure,) = read(lake, tether.Node(small()), WatchList("anvil", 31337, (token,))).failures
    assert failure == (
        f"TETHER ({TETHER.address}) is older than block 4, its first_block in the seeds: correct it there, for its"
        " first coins would be missing."
    )
    assert moves(lake) == [SMALL[2]]


def test_a_blacklisted_address_may_be_an_indexed_argument(lake):
    made = small()

    class Newer(Crowded):
        def eth_getLogs(self, asked):
            return [_with_indexed_address(each) for each in super().eth_getLogs(asked)]

    assert read(lake, Newer(made)).failures == ()
    assert moves(lake) == SMALL


def _with_indexed_address(log: dict) -> dict:
    if log["topics"][0] != DESTROYED_BLACK_FUNDS:
        return log
    return log | {"topics": [*log["topics"], log["data"][:66]], "data": "0x" + log["data"][66:]}


def test_the_same_events_of_a_token_that_tells_all_by_transfers_count_for_nothing(lake):
    made = small()
    token = Token(TETHER.address, "TETHER", 6, BORN)
    read(lake, tether.Node(made), WatchList("anvil", 31337, (token,)))
    assert set(table(lake, "coverage")["topic"]) <= {rows.TRANSFER}


def send(running: anvil.Anvil, what: int, argument: int, sender: str = anvil.SENDER) -> None:
    running.send(TETHER.address, f"{what:064x}{argument:064x}", sender)


def test_a_real_node_is_read_as_its_contract_keeps_it(start_anvil, lake):
    running, other = start_anvil(), "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
    running.set_code(TETHER.address, anvil.TETHER)  # as of the newest block
    for slot, value in ((254, int(anvil.SENDER, 16)), (255, 1_000), (int(anvil.SENDER, 16), 1_000)):
        running.rpc("anvil_setStorageAt", TETHER.address, hex(slot), f"0x{value:064x}")
    born = int(running.rpc("eth_blockNumber"), 16)
    running.mine()
    send(running, 1, 50)
    send(running, 4, int(other, 16))  # a new owner, within the block
    running.mine()
    running.move(TETHER.address, (anvil.SENDER, other, 300))
    running.mine()
    running.move(TETHER.address, (anvil.SENDER, ZERO_ADDRESS, 7))
    send(running, 2, 100, other)
    running.mine()
    send(running, 3, int(anvil.SENDER, 16), other)
    running.mine()
    running.skip(70)
    send(running, 1, 9, other)
    running.mine()
    token = Token(TETHER.address, "TETHER", 6, None, "issue_redeem")
    with_node = rpc.Provider(running.url, sleep=lambda seconds: None)
    result = ingest.from_node(lake, Node(with_node), WatchList("anvil", 31337, (token,)))
    with_node.close()
    assert result.failures == ()
    assert [(number - born, *rest) for number, *rest in moves(lake)] == [
        (0, -1, ZERO_ADDRESS, anvil.SENDER, 1_000),
        (2, 0, ZERO_ADDRESS, anvil.SENDER, 50),
        (3, 0, anvil.SENDER, other, 300),
        (4, 0, anvil.SENDER, ZERO_ADDRESS, 7),
        (4, 1, other, ZERO_ADDRESS, 100),
        (5, 0, anvil.SENDER, ZERO_ADDRESS, 743),
        (76, 0, ZERO_ADDRESS, other, 9),
    ]
    assert supplies(lake) == [(200, 200, True)]
