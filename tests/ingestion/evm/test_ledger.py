"""The lake's tables of account chains: coverage, months, the tail, and what an interrupted run leaves behind."""

from datetime import date

import polars as pl
import pytest

from ingestion.evm import ledger
from ingestion.evm.ledger import SOURCE, TABLES, EventLedger, read_record
from ingestion.evm.rows import COVERAGE, EVENTS, TRANSFER, TRANSFERS, Block, Span
from ingestion.lake.tables import Lake

ANN, BOB = "0x" + 40 * "a", "0x" + 40 * "b"
COIN, OTHER = "0x" + 40 * "1", "0x" + 40 * "2"
PAIRS = ((COIN, TRANSFER), (OTHER, TRANSFER))
FIRST_BLOCKS = {COIN: 10, OTHER: 50}


def block(number: int, day: int = 1) -> Block:
    return Block(number, f"0x{number:064x}", date(2025, 11, day))


def transfer(number: int, token: str = COIN, index: int = 0, day: date = date(2025, 11, 1), final: bool = True) -> dict:
    return {
        "network": "anvil",
        "chain_id": 31337,
        "token": token,
        "block_number": number,
        "block_hash": f"0x{number:064x}",
        "log_index": index,
        "value_date": day,
        "transaction_hash": "0x" + 64 * "0",
        "from_address": ANN,
        "to_address": BOB,
        "value_bytes": (7).to_bytes(32, "big"),
        "amount_units": 7,
        "is_overflow": False,
        "is_final": final,
    }


def rows(*transfers: dict) -> dict[str, pl.DataFrame]:
    return {
        table: pl.DataFrame(transfers if table == "transfers" else [], schema=schema)
        for table, schema in EVENTS.items()
    }


def add(held: EventLedger, first: int, last: int, *transfers: dict, pairs=PAIRS) -> None:
    held.add(Span(first, last, pairs), block(last), rows(*transfers), 31337)


def kill(*_: object) -> None:
    raise KeyboardInterrupt


def read(lake: Lake, table: str = "transfers") -> pl.DataFrame:
    """As the warehouse reads it: every file of the folder."""
    return pl.read_parquet(lake.root / SOURCE / table / "*.parquet")


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(tmp_path)


def test_every_table_is_there_before_anything_was_read(lake):
    ledger.create_tables(lake)
    assert {table: read(lake, table).schema for table in TABLES} == {
        table: pl.Schema(schema) for table, schema in TABLES.items()
    }


def test_gaps_begin_with_the_first_block_of_each_contract(lake):
    spans = EventLedger(lake, "anvil").gaps(PAIRS, FIRST_BLOCKS, 0, 100)
    assert spans == [Span(10, 49, PAIRS[:1]), Span(50, 100, PAIRS)]


def test_reading_goes_on_at_the_first_gap_of_each_contract_and_topic(lake):
    held = EventLedger(lake, "anvil")
    add(held, 10, 30, pairs=PAIRS[:1])
    add(held, 41, 80)
    again = EventLedger(lake, "anvil")
    assert again.gaps(PAIRS, FIRST_BLOCKS, 0, 100) == [Span(31, 40, PAIRS[:1]), Span(81, 100, PAIRS)]
    assert again.gaps(PAIRS, FIRST_BLOCKS, 35, 60) == [Span(35, 40, PAIRS[:1])]
    assert again.gaps(PAIRS, FIRST_BLOCKS, 42, 60) == []


def test_blocks_that_meet_are_one_row_of_coverage(lake):
    held = EventLedger(lake, "anvil")
    for first, last in ((50, 60), (71, 80), (61, 70), (90, 95)):
        add(held, first, last, pairs=PAIRS[:1])
    found = read(lake, "coverage")
    assert found.schema == pl.Schema(COVERAGE)
    assert found.select("from_block", "to_block", "to_block_hash").rows() == [
        (50, 80, block(80).hash),
        (90, 95, block(95).hash),
    ]


def test_months_are_sorted_by_day_token_block_and_log(lake):
    held = EventLedger(lake, "anvil")
    december = date(2025, 12, 1)
    add(held, 10, 20, transfer(20, OTHER), transfer(20, COIN, 2), transfer(20, COIN, 1))
    add(held, 21, 30, transfer(30, OTHER, day=december), transfer(21, COIN))
    november, later = sorted(lake.parts(SOURCE, "transfers"))
    assert november.startswith("anvil-2025-11.")
    assert later.startswith("anvil-2025-12.")
    part = lake.read(SOURCE, "transfers", TRANSFERS, november)
    assert part.select("token", "block_number", "log_index").rows() == [
        (COIN, 20, 1),
        (COIN, 20, 2),
        (COIN, 21, 0),
        (OTHER, 20, 0),
    ]


def test_a_full_part_is_left_alone_and_another_begun(lake, monkeypatch):
    monkeypatch.setattr(ledger, "PART_ROWS", 3)
    held = EventLedger(lake, "anvil")
    for number in range(10, 15):
        add(held, number, number, transfer(number))
    parts = [lake.read(SOURCE, "transfers", TRANSFERS, part) for part in lake.parts(SOURCE, "transfers")]
    assert sorted(part.height for part in parts) == [2, 3]
    assert sorted(read(lake)["block_number"]) == [10, 11, 12, 13, 14]


def test_the_tail_is_replaced_whole_and_finalized_rows_stay(lake):
    held = EventLedger(lake, "anvil")
    add(held, 10, 20, transfer(20))
    for numbers in ((21, 22), (21, 22, 23), (21,)):
        tail = [transfer(number, final=False) for number in numbers]
        held.replace_tail(Span(21, numbers[-1], PAIRS), [block(n) for n in numbers], rows(*tail), 31337)
        assert sorted(read(lake)["block_number"]) == [20, *numbers]
        assert sorted(read(lake, "coverage").filter(~pl.col("is_final"))["to_block"]) == [numbers[-1]] * 2
    held.replace_tail(None, [], rows(), 31337)
    assert sorted(read(lake)["block_number"]) == [20]
    assert read(lake, "coverage")["is_final"].all()


def test_a_refused_token_leaves_the_others_alone(lake, monkeypatch):
    monkeypatch.setattr(ledger, "PART_ROWS", 2)
    held = EventLedger(lake, "anvil")
    for number in range(10, 14):
        add(held, number, number, transfer(number), transfer(number, OTHER, 1))
    held.refuse(OTHER)
    assert sorted(read(lake)["block_number"]) == [10, 11, 12, 13]
    assert read(lake)["token"].unique().to_list() == [COIN]
    assert EventLedger(lake, "anvil").gaps(PAIRS, FIRST_BLOCKS, 10, 60) == [
        Span(14, 49, PAIRS[:1]),
        Span(50, 60, PAIRS),
    ]


def test_what_a_killed_run_left_behind_is_removed_and_never_counted(lake, monkeypatch):
    held = EventLedger(lake, "anvil")
    add(held, 10, 20, transfer(20))
    monkeypatch.setattr(Lake, "write_record", kill)
    with pytest.raises(KeyboardInterrupt):
        add(held, 21, 30, transfer(30))
    monkeypatch.undo()
    assert read(lake).height == 3  # the month before, and the month with the new row
    EventLedger(lake, "anvil")
    assert read(lake)["block_number"].to_list() == [20]
    add(EventLedger(lake, "anvil"), 21, 30, transfer(30))
    assert read(lake)["block_number"].to_list() == [20, 30]


def test_networks_do_not_remove_each_others_parts(lake):
    for network in ("anvil", "anvil-two"):
        held = EventLedger(lake, network)
        add(held, 10, 20, transfer(20))
    assert read(lake).height == 2
    emptied = EventLedger(lake, "anvil")
    emptied.record.parts = {}
    emptied.commit()
    assert read(lake).height == 1
    assert read_record(lake, "anvil").parts == {}


def test_of_two_balances_of_a_day_the_newer_stays(lake):
    held = EventLedger(lake, "anvil")
    for number, units in ((10, 1), (20, 2), (15, 3)):
        row = ("anvil", 31337, ANN, COIN, date(2025, 11, 1), number, "0x", units)
        held.add_states({"balances": pl.DataFrame([row], schema=TABLES["balances"], orient="row")})
    assert read(lake, "balances")["balance_units"].to_list() == [2]
