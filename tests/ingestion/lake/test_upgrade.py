"""Lakes of flowhouse 0.1.0, made by hand: each capture and each chain says whether it is the sample's."""

import json

import polars as pl
import pytest

from ingestion.lake.observations import CAPTURE_SCHEMA, CAPTURES
from ingestion.lake.tables import Lake
from ingestion.lake.upgrade import SAMPLE_CHAIN, upgrade, was_sample


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(tmp_path / "lake")


def write_log(lake: Lake, source: str, *kinds: bool) -> None:
    schema = {**CAPTURE_SCHEMA, "is_sample": pl.Boolean}
    lake.write(source, CAPTURES, pl.DataFrame([{"is_sample": kind} for kind in kinds], schema=schema))


def write_chain(lake: Lake, name: str, **fields: object) -> None:
    lake.write_record("bitcoin", name, json.dumps({"generation": 1, "parts": {"blocks_daily": ["part.1"]}} | fields))


def stored(lake: Lake) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in lake.root.rglob("*.*") if path.is_file()}


def test_a_lake_that_read_the_samples_captures_is_marked(lake):
    write_log(lake, "one", True, True)
    write_log(lake, "two")
    write_chain(lake, "regtest.json", is_sample=True)
    before = stored(lake)
    assert was_sample(lake)
    assert not lake.is_sample
    upgrade(lake)
    assert lake.is_sample
    assert {name: content for name, content in stored(lake).items() if name != "sample.txt"} == before


def test_a_lake_that_holds_only_the_samples_chain_is_marked(lake):
    write_log(lake, "one")
    write_chain(lake, "regtest.json", is_sample=True)
    upgrade(lake)
    assert lake.is_sample


def write_real_captures(lake: Lake) -> None:
    write_log(lake, "one", False)


def write_real_chain(lake: Lake) -> None:
    write_chain(lake, "main.json", is_sample=False)
    write_log(lake, "one")


def write_sample_chain_that_was_left(lake: Lake) -> None:
    write_chain(lake, "regtest.json", is_sample=False, parts={})
    write_log(lake, "one", False)


def write_todays_lake(lake: Lake) -> None:
    write_chain(lake, "main.json")
    lake.write("one", CAPTURES, pl.DataFrame(schema=CAPTURE_SCHEMA))


@pytest.mark.parametrize(
    "write",
    [write_real_captures, write_real_chain, write_sample_chain_that_was_left, write_todays_lake, lambda lake: None],
)
def test_a_lake_that_holds_nothing_of_the_sample_stays_as_it_is(lake, write):
    write(lake)
    before = stored(lake)
    assert not was_sample(lake)
    upgrade(lake)
    assert stored(lake) == before


def test_a_lake_that_a_killed_run_left_half_way_is_dropped(lake):
    write_log(lake, "one", False)
    write_log(lake, "two", True)
    assert was_sample(lake)
    upgrade(lake)
    assert not lake.root.exists()


def test_a_lake_that_is_marked_is_not_looked_at_again(lake):
    write_chain(lake, "regtest.json", is_sample=True)
    upgrade(lake)
    write_chain(lake, "anvil.json")
    upgrade(lake)
    assert lake.is_sample
    assert lake.records("bitcoin") == ["anvil.json", "regtest.json"]


def test_a_sample_whose_marker_was_removed_is_marked_again(lake):
    lake.mark_as_sample()
    lake.write_record("bitcoin", SAMPLE_CHAIN, "")
    write_chain(lake, "btc-regtest.json")
    before = stored(lake)
    (lake.root / "sample.txt").unlink()
    assert was_sample(lake)
    upgrade(lake)
    assert stored(lake) == before


@pytest.mark.parametrize("content", [b"garbage", b"[]", b"\xff"])
def test_a_damaged_file_says_nothing_of_the_kind(lake, content):
    write_log(lake, "one", True)
    lake.write_record("two", "reading.json", "")
    (lake.root / "two" / "reading.json").write_bytes(content)
    (lake.root / "two" / "captures").mkdir()
    (lake.root / "two" / "captures" / "captures.parquet").write_bytes(content)
    assert was_sample(lake)
    upgrade(lake)
    assert lake.is_sample
