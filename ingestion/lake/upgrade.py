"""Lakes of the sample without a marker: those of flowhouse 0.1.0 or earlier, which said of each capture and each chain
whether it was the sample's, and those whose marker was removed.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import polars as pl

from ingestion.lake.observations import CAPTURES
from ingestion.lake.tables import UNREADABLE, Lake

FIELD = "is_sample"
SAMPLE_CHAIN = "loaded"
"""A record beside a chain's tables that says that all of the sample's chain has been read."""


def upgrade(lake: Lake) -> None:
    """Mark a former lake that is the sample's; under the home's lock. Former lakes are folders, never on a store.

    One that holds real captures too was left half way by a killed run. It is dropped, which that run was about to do;
    real chains were read only afterwards, so that none is in it.
    """
    if lake.root is None or lake.is_sample:
        return
    kinds = {*_kinds(lake.root)}
    if kinds == {True} or _has_sample_chain(lake.root):
        lake.mark_as_sample()
    elif True in kinds:
        lake.drop()


def was_sample(lake: Lake) -> bool:
    """Whether a lake without a marker holds anything of the sample; only looks, so it needs no lock."""
    return lake.root is not None and (_has_sample_chain(lake.root) or any(_kinds(lake.root)))


def _has_sample_chain(root: Path) -> bool:
    return any(root.glob(f"*/{SAMPLE_CHAIN}"))


def _kinds(root: Path) -> Iterator[bool]:
    """Whether each capture and chain of a former lake is the sample's; a damaged file says nothing."""
    for path in root.glob("*/*.json"):
        with suppress(ValueError, AttributeError):
            record = json.loads(path.read_text())
            if record.get("parts"):
                yield record.get(FIELD, False)
    for path in root.glob(f"*/{CAPTURES}/{CAPTURES}.parquet"):
        with suppress(*UNREADABLE):
            # Names of columns stand in a file as they are; asking Polars costs ten times as much, at every lock.
            if FIELD.encode() in path.read_bytes() and FIELD in pl.read_parquet_schema(path):
                yield from pl.read_parquet(path, columns=[FIELD], glob=False)[FIELD]
