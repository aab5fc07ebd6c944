"""A real node read into the lake: every event, through reorganisations, and through providers that fail and lie."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime

import polars as pl
import pytest
import requests
from anvil import Anvil
from loopback import HttpServer, JsonHandler
from simulated import HOLDERS, TOKEN, held

from ingestion.evm import ingest
from ingestion.evm import provider as rpc
from ingestion.evm.block_range import BlockRange
from ingestion.evm.errors import AnswerRefused
from ingestion.evm.node import Node
from ingestion.evm.rows import TRANSFER, ZERO_ADDRESS
from ingestion.lake.tables import Lake
from ingestion.sample import tokens as sample


def read(lake: Lake, url: str, **wanted) -> ingest.IngestResult:
    provider = rpc.Provider(url, sleep=lambda seconds: None)
    try:
        return ingest.from_node(lake, Node(provider), sample.WATCHED, BlockRange(**wanted))
    finally:
        provider.close()


@pytest.fixture(scope="module")
def clean(history, tmp_path_factory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("clean"))
    assert read(lake, history.node.url).failures == ()
    return lake


def table(lake: Lake, name: str) -> pl.DataFrame:
    return pl.read_parquet(lake.root / "evm" / name / "*.parquet")


def test_every_transfer_is_stored_as_it_was_emitted(history, clean):
    rows = table(clean, "transfers")
    columns = ("block_number", "log_index", "token", "from_address", "to_address", "amount_units")
    found = {(number, index): tuple(move) for number, index, *move in rows.select(columns).iter_rows()}
    assert found == history.moves
    assert len(found) > 2_000
    assert [int.from_bytes(each, "big") for each in rows["value_bytes"]] == rows["amount_units"].to_list()
    assert rows["is_final"].all()


def test_days_are_those_of_the_blocks(history, clean):
    for number, day in table(clean, "transfers").select("block_number", "value_date").unique().sample(5).iter_rows():
        time = int(history.node.rpc("eth_getBlockByNumber", hex(number), False)["timestamp"], 16)
        assert datetime.fromtimestamp(time, UTC).date() == day


def test_events_of_stress_are_stored_as_they_were_emitted(history, clean):
    liquidations, changes = table(clean, "liquidations"), table(clean, "vault_changes")
    columns = ["user_address", "liquidator_address", "collateral_token", "debt_token", "collateral_units", "debt_units"]
    assert liquidations.select(columns).rows() == [history.liquidation]
    columns = ["log_index", "leg", "kind", "user_address", "token", "delta_units"]
    assert sorted(changes.select(columns).rows()) == history.changes


def test_supplies_are_reconciled_with_the_contract(history, clean):
    supplies = table(clean, "supplies")
    assert supplies["is_reconciled"].to_list() == [True, True]
    for token, units, from_logs in supplies.select("token", "supply_units", "held_units").iter_rows():
        emitted = [move for move in history.moves.values() if move[0] == token]
        minted = sum(value for _, sender, _, value in emitted if sender == ZERO_ADDRESS)
        burned = sum(value for _, _, receiver, value in emitted if receiver == ZERO_ADDRESS)
        assert units == from_logs == minted - burned


def test_one_call_has_the_balances_that_a_call_for_each_address_has(history, monkeypatch):
    with closing(rpc.Provider(history.node.url)) as provider:
        node, addresses = Node(provider), [*HOLDERS, ZERO_ADDRESS, "0x" + 20 * "ef"]
        one_by_one = node._balances_by_calls(addresses, TOKEN, 60)
        assert len(set(one_by_one)) > 20
        monkeypatch.delattr(Node, "_balances_by_calls")
        assert node.balances(addresses, TOKEN, 60) == one_by_one
        assert node.balances([ZERO_ADDRESS], TOKEN, 60) == one_by_one[-2:-1]


def test_balances_of_what_is_no_token_are_refused(history):
    with (
        closing(rpc.Provider(history.node.url)) as provider,
        pytest.raises(AnswerRefused, match="answers '0x' to eth_call"),
    ):
        Node(provider).balances(HOLDERS[:2], "0x" + 20 * "ef", 60)


def test_a_part_of_the_chain_can_be_asked_for_and_the_rest_follows(history, clean, tmp_path):
    lake = Lake(tmp_path)
    read(lake, history.node.url, first=40, last=60)
    assert table(lake, "transfers")["block_number"].is_between(40, 60).all()
    assert table(lake, "supplies")["is_reconciled"].to_list() == [None, None]
    read(lake, history.node.url, last=100)
    read(lake, history.node.url)
    assert held(lake)["transfers"] == held(clean)["transfers"]
    assert held(lake)["coverage"] == held(clean)["coverage"]


def test_a_day_has_the_blocks_of_its_time(history, clean, tmp_path):
    (_, day), *_ = sorted(table(clean, "transfers").select("block_number", "value_date").unique().rows())[50:]
    lake = Lake(tmp_path)
    read(lake, history.node.url, day=day)
    expected = table(clean, "transfers").filter(pl.col("value_date") == day)
    assert sorted(table(lake, "transfers").rows()) == sorted(expected.rows())


@pytest.fixture(scope="module")
def running(start_anvil) -> Anvil:
    """A node that reorganisations may change; 80 blocks and a mint in each of the newest."""
    node = start_anvil()
    node.skip(70)
    for n in range(12):
        node.move(TOKEN, (ZERO_ADDRESS, HOLDERS[n], 1_000 + n))
        node.mine()
    return node


def blocks_and_events(lake: Lake) -> tuple:
    """All rows without `is_final`, which depends on when they were read: less is final on a shorter chain."""
    rows = sorted(table(lake, "transfers").drop("is_final").rows())
    spans = table(lake, "coverage").group_by("contract", "topic").agg(pl.min("from_block"), pl.max("to_block"))
    return rows, sorted(spans.rows())


@pytest.mark.parametrize(("depth", "mined"), [(1, 2), (3, 4), (7, 8), (5, 3), (4, 0)])
def test_a_reorganised_chain_is_held_as_a_clean_read_has_it(running, tmp_path, depth, mined):
    lake, again = Lake(tmp_path / "lake"), Lake(tmp_path / "again")
    read(lake, running.url)
    before = held(lake)["transfers"]
    running.cut(depth)
    for n in range(mined):
        running.move(TOKEN, (ZERO_ADDRESS, HOLDERS[n], depth * 100 + n))
        running.mine(7)
    read(lake, running.url)
    read(again, running.url)
    assert blocks_and_events(lake) == blocks_and_events(again)
    assert held(lake)["transfers"] != before


def test_blocks_that_come_to_be_final_are_held_once(running, tmp_path):
    lake, again = Lake(tmp_path / "lake"), Lake(tmp_path / "again")
    read(lake, running.url)
    assert not table(lake, "transfers")["is_final"].all()
    running.skip(70)
    read(lake, running.url)
    read(again, running.url)
    assert held(lake)["transfers"] == held(again)["transfers"]
    assert held(lake)["coverage"] == held(again)["coverage"]
    assert table(lake, "transfers")["is_final"].all()


class Bad(HttpServer):
    """A provider in front of a node. `spoil` gets request, answer and the number of requests so far;
    it returns (status, headers, body)."""

    def __init__(self, node: Anvil, spoil: Callable[[dict | list, bytes, int], tuple[int, dict, bytes]]):
        self.requests = 0
        self.statuses: list[int] = []
        bad, counting, sessions = self, threading.Lock(), threading.local()

        class Handler(JsonHandler):
            def do_POST(self) -> None:
                asked = self.read_json()
                with counting:
                    bad.requests += 1
                    nth = bad.requests
                session = sessions.__dict__.setdefault("session", requests.Session())
                status, headers, content = spoil(asked, session.post(node.url, json=asked).content, nth)
                bad.statuses.append(status)
                self.reply(status, content, headers)

        super().__init__(Handler)
        self.url = f"http://127.0.0.1:{self.port}/v2/k3y-that-is-secret"


def of_range(asked: dict | list) -> range | None:
    """The blocks of a request for the logs of a range."""
    if isinstance(asked, list) or asked["method"] != "eth_getLogs" or "fromBlock" not in asked["params"][0]:
        return None
    where = asked["params"][0]
    return range(int(where["fromBlock"], 16), int(where["toBlock"], 16) + 1)


def changed(answer: bytes, change: Callable[[list], list]) -> bytes:
    decoded = json.loads(answer)
    return json.dumps(decoded | {"result": change(decoded["result"])}).encode()


def error(code: int, message: str) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}}).encode()


def limits_blocks(asked, answer, nth):
    if (blocks := of_range(asked)) and len(blocks) > 10:
        return 400, {}, error(-32600, "up to a 10 block range; try [0x0, 0x7ff]")
    return 200, {}, answer


def limits_results(asked, answer, nth):
    if of_range(asked) and len(json.loads(answer)["result"]) > 50:
        return 200, {}, error(-32005, "query returned more than 50 results. Try with this block range [0x0, 0xffff].")
    return 200, {}, answer


def limits_size(asked, answer, nth):
    return (413, {}, b"too large") if of_range(asked) and len(answer) > 30_000 else (200, {}, answer)


def cuts_bodies(asked, answer, nth):
    half = answer[: len(answer) // 2]
    return 200, {"Content-Length": str(len(answer))} if nth % 6 == 0 else {}, half if nth % 3 == 0 else answer


def is_busy(asked, answer, nth):
    return (429, {"Retry-After": "7"}, b"slow down") if nth % 2 else (200, {}, answer)


def is_silent(asked, answer, nth):
    return 200, {}, changed(answer, lambda logs: []) if of_range(asked) else answer


def stops_short(asked, answer, nth):
    blocks = of_range(asked)
    if not blocks:
        return 200, {}, answer
    middle = blocks[len(blocks) // 2]
    return 200, {}, changed(answer, lambda logs: [log for log in logs if int(log["blockNumber"], 16) < middle])


def overshoots(asked, answer, nth):
    if not (blocks := of_range(asked)):
        return 200, {}, answer
    early = {"blockNumber": hex(max(0, blocks.start - 1))}
    return 200, {}, changed(answer, lambda logs: [*logs, *(log | early for log in logs[:1])])


def repeats(asked, answer, nth):
    return 200, {}, changed(answer, lambda logs: logs + logs) if of_range(asked) else answer


def leaves_times_out(asked, answer, nth):
    if not of_range(asked):
        return 200, {}, answer
    return 200, {}, changed(answer, lambda logs: [log | {"blockTimestamp": None} for log in logs])


def refuses_batches(asked, answer, nth):
    return (200, {}, error(-32600, "batches are not supported")) if isinstance(asked, list) else (200, {}, answer)


@pytest.fixture
def bad(history) -> Iterator[Callable[[Callable], Bad]]:
    made = []

    def make(spoil: Callable) -> Bad:
        made.append(Bad(history.node, spoil))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize(
    "spoil",
    [
        limits_blocks,
        limits_results,
        limits_size,
        cuts_bodies,
        is_busy,
        is_silent,
        stops_short,
        overshoots,
        repeats,
        leaves_times_out,
        refuses_batches,
    ],
)
def test_through_a_bad_provider_the_lake_is_that_of_a_clean_read(bad, clean, tmp_path, spoil):
    lake, provider = Lake(tmp_path), bad(spoil)
    assert read(lake, provider.url).failures == ()
    assert held(lake) == held(clean)


def test_a_provider_that_leaves_single_logs_out_is_found_out_by_name(bad, clean, tmp_path):
    def leaves_out(asked, answer, nth):
        def without_mint(logs):
            mints = (log for log in logs if int(log["topics"][1], 16) == 0 and int(log["data"], 16) > 1)
            left = next(mints, None)
            return [log for log in logs if log is not left]

        return 200, {}, changed(answer, without_mint) if of_range(asked) else answer

    lake = Lake(tmp_path)
    failures = read(lake, bad(leaves_out).url).failures
    assert any("is refused at block" in each and "provider left logs out" in each for each in failures)
    refused = {token.address for token in sample.WATCHED.tokens if any(token.address in each for each in failures)}
    assert refused
    assert not set(table(lake, "transfers")["token"]) & refused
    assert table(lake, "supplies").filter(pl.col("token").is_in(refused))["is_reconciled"].to_list() == [False] * len(
        refused
    )
    assert not set(table(lake, "coverage")["contract"]) & refused


def test_a_token_that_rebases_is_refused_and_the_rest_goes_on(start_anvil, tmp_path):
    node = start_anvil()
    for token in sample.WATCHED.tokens:
        node.move(token.address, (ZERO_ADDRESS, HOLDERS[0], 1_000), (ZERO_ADDRESS, HOLDERS[1], 1_000))
    node.mine()
    node.rpc("anvil_setStorageAt", TOKEN, f"0x{int(HOLDERS[0], 16):064x}", f"0x{1_010:064x}")
    node.skip(70)
    lake = Lake(tmp_path)
    (failure,) = read(lake, node.url).failures
    assert failure.startswith(f"SIMBTC ({TOKEN}) is refused at block ")
    assert f"{HOLDERS[0]} holds 1,010 and its transfers give 1,000" in failure
    assert table(lake, "transfers")["token"].unique().to_list() == [sample.DOLLAR.address]
    assert TRANSFER in table(lake, "coverage")["topic"].to_list()
