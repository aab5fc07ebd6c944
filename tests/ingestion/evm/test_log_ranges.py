"""How many blocks are requested at once, and how answers are checked, on a simulated chain."""

import polars as pl
import pytest
from simulated import TOKEN, Spoilt, chain, mint

from ingestion.evm import decode, log_ranges
from ingestion.evm.errors import AnswerRefused
from ingestion.evm.log_ranges import REGROW_AFTER, WIDEST, Width
from ingestion.evm.node import Node
from ingestion.evm.rows import TRANSFER, Span
from ingestion.sample import tokens as sample
from ingestion.transport.errors import NodeRefused

PAIRS = ((TOKEN, TRANSFER),)


def read(provider: sample.Provider, first: int, last: int, width: Width | None = None) -> list[int]:
    """Amounts found."""
    span = Span(first, last, PAIRS)
    return [
        int(data, 16)
        for _, found in log_ranges.read(Node(provider), span, width or Width())
        for data in found.sort("block_number", "log_index")["data"]
    ]


def too_wide(limit: int):
    def spoil(asked: dict, logs: list) -> list:
        if "fromBlock" in asked and int(asked["toBlock"], 16) - int(asked["fromBlock"], 16) >= limit:
            raise LookupError(f"at most {limit} blocks")
        return logs

    return spoil


def test_a_range_that_is_refused_is_halved_until_it_is_not():
    provider = Spoilt(chain(1_000, range(1_000)), too_wide(7))
    assert read(provider, 0, 999) == list(range(1_000))
    refused = [first for first, last in provider.ranges if last - first >= 7]
    assert len(refused) < len(provider.ranges) / 5


def test_the_width_grows_back_and_tries_the_refused_one_again_after_a_while():
    width = Width(64)
    width.record_refusal(64)
    assert width.now == 32
    for _ in range(REGROW_AFTER - 1):
        width.record_success(width.now, 0)
    assert width.now == 32
    width.record_success(width.now, 0)
    assert width.now == 64


def test_the_width_ends_where_answers_are_large_and_at_the_widest():
    width = Width(64)
    width.record_success(64, log_ranges.MANY_LOGS)
    assert width.now == 64
    for _ in range(100):
        width.record_success(width.now, 0)
    assert width.now == WIDEST


def test_a_late_answer_to_a_narrow_range_does_not_widen():
    width = Width(64)
    width.record_success(10, 0)
    assert width.now == 64


def test_a_width_never_ends():
    width = Width(1)
    width.record_refusal(1)
    assert width.now == 1


def test_a_single_block_refused_as_a_range_is_read_by_its_hash():
    def spoil(asked: dict, logs: list) -> list:
        if "fromBlock" in asked and int(asked["fromBlock"], 16) <= 5 <= int(asked["toBlock"], 16):
            raise LookupError("this block is too much")
        return logs

    provider = Spoilt(chain(10, range(10)), spoil)
    assert read(provider, 0, 9) == list(range(10))
    assert provider.hashes == [provider.chain.blocks[5].hash]


def test_a_block_that_cannot_be_read_at_all_ends_in_the_providers_words():
    def spoil(asked: dict, logs: list) -> list:
        raise LookupError("logs are sold out")

    with pytest.raises(NodeRefused, match=r"Block 3 cannot be read.*logs are sold out.*use another provider"):
        read(Spoilt(chain(10, range(10)), spoil), 3, 3)


@pytest.mark.parametrize("blocks", [(0, 1), (7, 9), (5, 5)])
def test_logs_of_other_blocks_are_no_answer(blocks):
    def spoil(asked: dict, logs: list) -> list:
        return [log | {"blockNumber": hex(8)} for log in logs]

    with pytest.raises(AnswerRefused, match="blocks that were not requested"):
        Node(Spoilt(chain(10, range(8)), spoil)).logs(0, 7, PAIRS)


def test_logs_of_another_block_are_no_answer_to_a_hash():
    provider = Spoilt(chain(10, range(8)), lambda asked, logs: [log | {"blockHash": "0x" + 64 * "1"} for log in logs])
    node = Node(provider)
    with pytest.raises(AnswerRefused, match="blocks that were not requested"):
        node.logs_of(node.header(5), PAIRS)


def test_an_empty_answer_is_held_against_the_blooms():
    provider = Spoilt(chain(50, [20, 30]), lambda asked, logs: logs if "blockHash" in asked else [])
    assert read(provider, 0, 49) == [20, 30]
    assert provider.headers.count(20) == 1
    assert provider.hashes == [provider.chain.blocks[number].hash for number in (20, 30)]


def test_what_the_blooms_deny_is_not_asked_for():
    provider = Spoilt(chain(50, []))
    assert read(provider, 0, 49) == []
    assert provider.hashes == []
    assert sorted(provider.headers) == list(range(50))


def test_an_answer_that_stops_short_is_noticed():
    def spoil(asked: dict, logs: list) -> list:
        return logs if "blockHash" in asked else [log for log in logs if int(log["blockNumber"], 16) < 30]

    assert read(Spoilt(chain(50, range(50)), spoil), 0, 49) == list(range(50))


def test_the_silences_of_a_busy_contract_are_believed():
    provider = Spoilt(chain(60, range(0, 60, 10)))
    read(provider, 0, 59)
    assert provider.headers == list(range(0, 60, 10))  # for their times alone


def test_times_come_with_the_logs_or_from_the_headers():
    provider = Spoilt(chain(10, [2, 7]))
    ((_, found),) = log_ranges.read(Node(provider), Span(0, 9, PAIRS), Width())
    assert found.sort("block_number")["block_time"].to_list() == [1_700_000_002, 1_700_000_007]
    timed = Spoilt(chain(10, [2, 5, 7]), lambda asked, logs: [log | {"blockTimestamp": at(log)} for log in logs])
    ((_, found),) = log_ranges.read(Node(timed), Span(0, 9, PAIRS), Width())
    assert found["block_time"].to_list() == [1_700_000_002, 1_700_000_005, 1_700_000_007]
    assert len(timed.ranges) == 1


def at(log: dict) -> str:
    """The time of a log's block."""
    return hex(1_700_000_000 + int(log["blockNumber"], 16))


@pytest.mark.parametrize("wrong", ["0x10", "0x7fffffffffffffff", hex(1_700_000_006)])
def test_a_time_that_is_not_the_blocks_is_not_believed(wrong):
    def spoil(asked: dict, logs: list) -> list:
        return [log | {"blockTimestamp": wrong if log["blockNumber"] == "0x5" else at(log)} for log in logs]

    timed = Spoilt(chain(10, [2, 5, 7]), spoil)
    found = pl.concat(each for _, each in log_ranges.read(Node(timed), Span(0, 9, PAIRS), Width()))
    assert found["block_time"].to_list() == [1_700_000_002, 1_700_000_005, 1_700_000_007]
    assert len(timed.ranges) > 1


def test_logs_of_a_block_that_is_not_on_the_chain_are_refused():
    provider = Spoilt(chain(10, range(10)), lambda asked, logs: [log | {"blockHash": "0x" + 64 * "1"} for log in logs])
    with pytest.raises(NodeRefused, match="not on its chain"):
        read(provider, 0, 9)


def test_logs_come_in_order_however_many_requests_are_under_way():
    provider = Spoilt(chain(400, range(400)), too_wide(9))
    provider.in_flight = 4
    answers = list(log_ranges.read(Node(provider), Span(0, 399, PAIRS), Width(20)))
    lasts = [last for last, _ in answers]
    assert lasts == sorted(lasts)
    assert lasts[-1] == 399
    assert sum(found.height for _, found in answers) == 400
    assert all(found.schema == decode.LOGS for _, found in answers)


def index_of_the_transaction(log: dict) -> dict:
    return log | {"logIndex": "0x0"}


def test_logs_that_are_numbered_anew_in_each_transaction_are_all_kept():
    made = chain(4, [])
    made.mine(1_700_000_004, [mint(units) for units in (5, 6, 5)])
    provider = Spoilt(made, lambda asked, logs: [index_of_the_transaction(log) for log in logs])
    assert sorted(read(provider, 0, 4)) == [5, 5, 6]


def test_logs_that_cannot_be_told_apart_are_refused_by_name():
    made = chain(4, [])
    made.mine(1_700_000_004, [mint(units) for units in (5, 6)])
    one = {"transactionHash": "0x" + 64 * "7"}
    provider = Spoilt(made, lambda asked, logs: [index_of_the_transaction(log) | one for log in logs])
    with pytest.raises(NodeRefused, match=r"Block 4 cannot be read.*both have index 0 in transaction 0x7{64} of"):
        read(provider, 0, 4)


class Blooms(Spoilt):
    """A node whose blooms are all the same bit."""

    bit = "f"
    requests = 0

    def eth_getBlockByNumber(self, tag, full):
        header = super().eth_getBlockByNumber(tag, full)
        return header and header | {"logsBloom": "0x" + 512 * self.bit}

    def ask(self, *given, **named):
        self.requests += 1
        return super().ask(*given, **named)

    def ask_many(self, *given, **named):
        self.requests += 1
        return super().ask_many(*given, **named)


def silent(asked: dict, logs: list) -> list:
    return logs if "blockHash" in asked else []


@pytest.mark.parametrize("spoil", [silent, lambda asked, logs: logs])
def test_blooms_that_exclude_nothing_cost_few_requests(spoil):
    provider = Blooms(chain(200, [20, 170]), spoil)
    assert read(provider, 0, 199, Width(200)) == [20, 170]
    assert provider.requests <= 10


def test_blooms_that_exclude_everything_need_a_setting():
    provider = Blooms(chain(60, [20, 30]))
    provider.bit = "0"
    with pytest.raises(NodeRefused, match=r'excludes: this chain .* set blooms = "absent" under \[evm\.<network>\]'):
        read(provider, 0, 59)
    provider.spoil = silent
    found = [each for _, each in log_ranges.read(Node(provider, has_blooms=False), Span(0, 59, PAIRS), Width())]
    assert sum(each.height for each in found) == 2


LENDER, VAULT = sample.LENDER.address, sample.VAULT.address
STRESS = tuple(pair for pair in sample.WATCHED.pairs if pair[0] in (LENDER, VAULT))


def stressed(blocks: int) -> sample.Chain:
    """A payment in each block, a liquidation in every 40th, and a change of the vault in every 30th."""
    made = sample.Chain()
    for number in range(blocks):
        logs = [mint(number)]
        if number % 40 == 0:
            logs.append(sample.liquidation(LENDER, TOKEN, TOKEN, sample.TRADERS[0], 1, number, sample.LIQUIDATOR))
        if number % 30 == 0:
            logs += [sample.internal_balance(VAULT, sample.THIEF, TOKEN, sign * (number + 1)) for sign in (1, -1)]
        made.mine(1_700_000_000 + number, logs)
    return made


def without_stress(asked: dict, logs: list) -> list:
    cut = "fromBlock" in asked
    return [log for log in logs if not cut or log["address"] == TOKEN or int(log["blockNumber"], 16) < 300]


def without_one(asked: dict, logs: list) -> list:
    """Without the second change of each block."""
    second = {log["blockNumber"]: log for log in logs if log["address"] == VAULT and "fromBlock" in asked}
    return [log for log in logs if log not in second.values()]


@pytest.mark.parametrize("spoil", [silent, without_stress, without_one])
def test_stress_that_is_left_out_among_payments_is_noticed(spoil):
    pairs = (*PAIRS, *STRESS)
    expected, found = (
        pl.concat(each for _, each in log_ranges.read(Node(node), Span(0, 799, pairs), Width(400)))
        for node in (sample.Provider(stressed(800)), Spoilt(stressed(800), spoil))
    )
    assert found.sort("block_number", "log_index").equals(expected.sort("block_number", "log_index"))
    assert found.height == 800 + 20 + 2 * 27
