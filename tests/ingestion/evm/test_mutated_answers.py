"""Answers of a provider mutated by chance, seeded: what is read is right, or refused by name, never silently different.

A mutation spoils some answers to eth_getLogs, as of one bad server behind a provider, or all of them."""

import random
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from simulated import held

from ingestion.errors import IngestionError
from ingestion.evm import ingest, reconcile
from ingestion.evm.node import Node
from ingestion.evm.rows import EVENTS, TRANSFERS
from ingestion.lake.tables import Lake
from ingestion.sample import tokens as sample

ROUNDS = 72
UNSEEN = ("log_index", "transaction_hash")
HUGE = ["0x7fffffffffffffff", "0x8000000000000000", "0x" + 64 * "f", "0x-1", "", "0x", "17", 17, 1e300, True, "latest"]


def stressed() -> sample.Chain:
    """Five days of the sample's chain, with liquidations and changes of the vault among its payments."""
    made, user, coin = sample.Chain(not_final=3), sample.TRADERS[3], sample.BITCOIN.address
    for block in sample.chain().blocks[:30]:
        logs = list(block.logs)
        if block.number % 7 == 3:
            logs.append(
                sample.liquidation(sample.LENDER.address, coin, coin, user, block.number, 10, sample.LIQUIDATOR)
            )
            logs += [sample.internal_balance(sample.VAULT.address, user, coin, sign * 2**70) for sign in (1, -1)]
            logs.append(sample.swap(sample.VAULT.address, sample.POOL_ID, coin, sample.DOLLAR.address, 12, 345))
        made.mine(block.time, logs)
    return made


CHAIN = stressed()
Mutation = Callable[[random.Random, list[dict]], list]


def some(chance: random.Random, logs: list) -> set[int]:
    """Places of a few logs."""
    return set(chance.sample(range(len(logs)), min(len(logs), chance.choice([1, 1, 2, 9]))))


def each_of_some(change: Callable[[random.Random, dict], object]) -> Mutation:
    def mutate(chance: random.Random, logs: list[dict]) -> list:
        places = some(chance, logs)
        return [change(chance, log) if nth in places else log for nth, log in enumerate(logs)]

    return mutate


def dropped(chance: random.Random, logs: list[dict]) -> list:
    places = some(chance, logs)
    return [log for nth, log in enumerate(logs) if nth not in places]


def cut(chance: random.Random, logs: list[dict]) -> list:
    at = chance.randrange(len(logs) + 1)
    return chance.choice([logs[:at], logs[at:], []])


def of_one_contract_dropped(chance: random.Random, logs: list[dict]) -> list:
    gone = chance.choice(logs)["address"]
    return [log for log in logs if log["address"] != gone]


def duplicated(chance: random.Random, logs: list[dict]) -> list:
    return chance.choice([logs + logs, logs + logs[:1], [logs[-1], *logs]])


def reordered(chance: random.Random, logs: list[dict]) -> list:
    return chance.sample(logs, len(logs))


def digits(chance: random.Random, length: int) -> str:
    return f"0x{chance.getrandbits(4 * length):0{length}x}"


def other_topics(chance: random.Random, log: dict) -> dict:
    topics = list(log["topics"])
    topics[chance.randrange(len(topics))] = digits(chance, 64)
    return log | {"topics": chance.choice([topics, topics[:-1], [*topics, topics[-1]], [], [None, *topics[1:]]])}


def nulled(chance: random.Random, log: dict) -> dict | None:
    field = chance.choice([*log, ""])
    return log | {field: None} if field else None


def absent(chance: random.Random, log: dict) -> dict:
    gone = chance.choice(sorted(log))
    return {field: value for field, value in log.items() if field != gone}


def huge(chance: random.Random, log: dict) -> dict:
    return log | {chance.choice(["blockNumber", "logIndex", "blockTimestamp", "data"]): chance.choice(HUGE)}


def out_of_range(chance: random.Random, log: dict) -> dict:
    return log | {"blockNumber": hex(chance.choice([0, 10**6, int(log["blockNumber"], 16) + chance.choice([-1, 1])]))}


def another_log(chance: random.Random, log: dict) -> dict:
    return log | {"logIndex": "0x0", "transactionHash": digits(chance, 64)}


MUTATIONS: dict[str, Mutation] = {
    "dropped": dropped,
    "cut": cut,
    "one contract dropped": of_one_contract_dropped,
    "duplicated": duplicated,
    "reordered": reordered,
    "block hash": each_of_some(lambda chance, log: log | {"blockHash": digits(chance, 64)}),
    "block number": each_of_some(out_of_range),
    "time": each_of_some(lambda chance, log: log | {"blockTimestamp": hex(1_760_000_000 + chance.randrange(10**7))}),
    "address": each_of_some(lambda chance, log: log | {"address": digits(chance, 40)}),
    "another contract": each_of_some(
        lambda chance, log: log | {"address": chance.choice(list(sample.WATCHED.emitters))}
    ),
    "topics": each_of_some(other_topics),
    "data": each_of_some(lambda chance, log: log | {"data": log["data"][: chance.randrange(len(log["data"]))]}),
    "amount": each_of_some(lambda chance, log: log | {"data": digits(chance, len(log["data"]) - 2)}),
    "removed": each_of_some(lambda chance, log: log | {"removed": chance.choice([True, "true", 1])}),
    "null": each_of_some(nulled),
    "absent": each_of_some(absent),
    "huge": each_of_some(huge),
    "no log": each_of_some(lambda chance, log: chance.choice([[], {}, 5, "0x", None, [log]])),
}
TEXTS: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "cut short": lambda chance, body: body[: chance.randrange(len(body))],
    "a byte": lambda chance, body: _replaced(body, chance.randrange(len(body)), bytes([chance.randrange(256)])),
    "a piece gone": lambda chance, body: _replaced(body, chance.randrange(len(body)), b"", chance.randrange(1, 400)),
    "twice": lambda chance, body: body + body,
    "deep": lambda chance, body: b'{"result":' + 100_000 * b"[",
    "no list": lambda chance, body: chance.choice(
        [b"", b"\xff\xfe", b"<html>", b"null", b"[]", b"{}", b'{"result":0}']
    ),
}


def _replaced(body: bytes, at: int, by: bytes, length: int = 1) -> bytes:
    return body[:at] + by + body[at + length :]


class Mutated(sample.Provider):
    """A node whose answers to eth_getLogs for ranges are mutated: the n-th for a number, all for None."""

    def __init__(self, name: str, chance: random.Random, nth: int | None, has_times: bool):
        super().__init__(CHAIN)
        self.name, self.chance, self.nth, self.has_times = name, chance, nth, has_times
        self.answers = 0

    def eth_getLogs(self, asked: dict) -> list:
        logs = super().eth_getLogs(asked)
        if self.has_times:
            times = {block.hash: hex(block.time) for block in CHAIN.blocks}
            logs = [log | {"blockTimestamp": times[log["blockHash"]]} for log in logs]
        return (
            MUTATIONS[self.name](self.chance, logs) if self.is_hit(asked) and self.name in MUTATIONS and logs else logs
        )

    def ask(self, method, params, read, is_patient=True):
        def spoilt(body: bytes):
            return read(TEXTS[self.name](self.chance, body) if self.hits and self.name in TEXTS else body)

        self.hits = False
        return super().ask(method, params, spoilt, is_patient)

    def is_hit(self, asked: dict) -> bool:
        if "fromBlock" in asked:
            self.answers += 1
            self.hits = self.nth is None or self.answers == self.nth
        return "fromBlock" in asked and self.hits


def compared(lake: Lake) -> dict[str, list[tuple]]:
    rows, names = held(lake), list(TRANSFERS)
    moved = (dict(zip(names, row, strict=True)) for row in rows["transfers"])
    compared = [tuple(row[name] for name in names if name not in UNSEEN) for row in moved if row["amount_units"]]
    return rows | {"transfers": sorted(compared, key=repr)}


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Iterator[dict[str, list[tuple]]]:
    """The right rows, where every holder's balance is compared: of a large token, some are not."""
    lake = Lake(tmp_path_factory.mktemp("clean"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconcile, "SAMPLE", 10_000)
        assert ingest.from_node(lake, Node(sample.Provider(CHAIN)), sample.WATCHED).failures == ()
        yield compared(lake)


def outcome(lake: Lake, provider: Mutated, clean: dict[str, list[tuple]]) -> str:
    """How a read ended: right, refused with a sentence (what is stored is part of the right), or different.

    Of a transfer's transaction and index, and of a transfer of nothing, no balance tells: these are not compared.
    """
    try:
        failures = ingest.from_node(lake, Node(provider), sample.WATCHED).failures
    except IngestionError as error:
        failures = (str(error),)
    found = compared(lake)
    if found == clean:
        return "right" if not failures else "refused"
    rows = {table: set(map(repr, found[table])) - set(map(repr, clean[table])) for table in EVENTS}
    is_part = not any(rows.values())
    return "refused" if failures and is_part else f"different: {failures}"


def test_mutated_answers_are_read_right_or_refused_by_name(tmp_path, clean, capsys):
    chance = random.Random(12)
    outcomes: dict[str, Counter[str]] = {}
    for nth in range(ROUNDS):
        name = [*MUTATIONS, *TEXTS][nth % (len(MUTATIONS) + len(TEXTS))]
        provider = Mutated(name, chance, chance.choice([1, 2, None]), chance.random() < 0.5)
        ended = outcome(Lake(tmp_path / str(nth)), provider, clean)
        outcomes.setdefault(name, Counter())[ended] += 1
    with capsys.disabled():
        for name, counted in outcomes.items():
            print(f"\n{name:>22}: {', '.join(f'{count} {ended}' for ended, count in counted.items())}", end="")
    assert {ended for counted in outcomes.values() for ended in counted} <= {"right", "refused"}
