"""A table of numbers in parts, and its ledger."""

import polars as pl

from ingestion.lake.parts import Ledger, Record, read, read_record
from ingestion.lake.tables import Lake

SCHEMA = {"n": pl.Int64}


def rows(*numbers: int) -> pl.DataFrame:
    return pl.DataFrame({"n": numbers}, schema=SCHEMA)


def opened(lake: Lake, key: str = "one", former_key: str | None = None) -> Ledger[Record]:
    record = read_record(lake, "made", key, Record) or Record()
    return Ledger(lake, "made", key, {"cells": SCHEMA}, record, former_key)


def counted(lake: Lake, key: str = "one") -> list[int]:
    return sorted(read(lake, "made", read_record(lake, "made", key, Record) or Record(), "cells", SCHEMA)["n"])
