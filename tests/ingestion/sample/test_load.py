"""The sample read into a home: its pages by source, its chains whole even after a run was killed."""

import polars as pl
import pytest

from ingestion.archive import Archive
from ingestion.bitcoin.ledger import KEYS
from ingestion.evm.ledger import TABLES
from ingestion.lake.parts import Ledger
from ingestion.lake.tables import Lake
from ingestion.sample import load


def test_pages_are_filed_by_source_as_the_samples(tmp_path):
    archive = Archive(tmp_path, is_sample=True)
    load.put_pages(archive, "farside")
    captures, _ = archive.captures("farside")
    assert sorted(capture.resource for capture in captures) == ["btc_all", "eth_all"]
    assert {(capture.origin, capture.note, capture.is_sample) for capture in captures} == {
        ("reconstructed", "reconstructed from the project's own table of facts", True)
    }
    assert [path.name for path in tmp_path.iterdir()] == ["farside"]


def rows(lake: Lake, source: str, table: str) -> pl.DataFrame:
    return pl.read_parquet(lake.root / source / table / "*.parquet")


CHAINS = {
    "coins": (load.read_coin_chain, "bitcoin", KEYS, 3),
    "events": (load.read_event_chain, "evm", TABLES, 5),
}


@pytest.mark.parametrize(("read", "source", "tables", "commits"), CHAINS.values(), ids=CHAINS)
def test_a_chain_whose_reading_was_killed_is_read_to_its_end(tmp_path, monkeypatch, read, source, tables, commits):
    whole = Lake(tmp_path / "whole")
    read(whole)
    commit = Ledger.commit
    for left in range(commits):
        lake = Lake(tmp_path / f"killed-{left}")
        done = []

        def mortal(ledger, done=done, left=left):
            if len(done) == left:
                raise KeyboardInterrupt
            commit(ledger)
            done.append(1)

        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "commit", mortal)
            with pytest.raises(KeyboardInterrupt):
                read(lake)
        read(lake)
        for table in tables:
            order = rows(whole, source, table).columns
            assert rows(lake, source, table).sort(order).equals(rows(whole, source, table).sort(order)), table
