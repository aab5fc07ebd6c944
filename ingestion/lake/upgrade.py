"""Lakes that flowhouse 0.1.0 or earlier wrote: they said of each capture and each chain whether it was the sample's."""

import json
from collections.abc import Iterator

import polars as pl

from ingestion.lake.observations import CAPTURES
from ingestion.lake.tables import Lake

FIELD = "is_sample"


def upgrade(lake: Lake) -> None:
    """Mark a former lake that is the sample's; under the home's lock.

    One that holds real captures too was left half way by a killed run. It is dropped, which that run was about to do;
    real chains were read only afterwards, so that none is in it.
    """
    if lake.is_sample:
        return
    kinds = {*_kinds(lake)}
    if kinds == {True}:
        lake.mark_as_sample()
    elif True in kinds:
        lake.drop()


def was_sample(lake: Lake) -> bool:
    """Whether a former lake holds anything of the sample; only looks, so it needs no lock."""
    return any(_kinds(lake))


def _kinds(lake: Lake) -> Iterator[bool]:
    for path in lake.root.glob("*/*.json"):
        record = json.loads(path.read_text())
        if record.get("parts"):
            yield record.get(FIELD, False)
    for path in lake.root.glob(f"*/{CAPTURES}/{CAPTURES}.parquet"):
        if FIELD in pl.read_parquet_schema(path):
            yield from pl.read_parquet(path, columns=[FIELD])[FIELD]
