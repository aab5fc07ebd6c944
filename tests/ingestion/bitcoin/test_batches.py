"""Sums of coins by birth day, against the same by grouping."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from ingestion.bitcoin import batches
from ingestion.bitcoin.rows import KINDS

SCHEMA = dict.fromkeys([*batches.CELLS, "day"], pl.Int64)
# height, birth day, kind, satoshi, coins; three blocks are a day.
cells = st.tuples(*(st.integers(0, top) for top in (12, 4, 1)), st.integers(0, 10**15), st.integers(1, 9))


def grouped(flow, keys):
    return (
        flow.group_by(*keys, "day", "birth_day", "kind")
        .agg(pl.sum("amount_sats", "coins"))
        .sort(*keys, "day", "birth_day", "kind")
        .select(
            *keys,
            "amount_sats",
            "coins",
            spend_date="day",
            birth_date="birth_day",
            kind=pl.col("kind").replace_strict(dict(enumerate(KINDS)), return_dtype=pl.String),
        )
    )


@pytest.mark.parametrize("is_sorted", [True, False])
@pytest.mark.parametrize("keys", [[], ["height"]], ids=["by day", "by block"])
@given(rows=st.lists(cells))
def test_coin_flow_is_as_grouping_finds_it(is_sorted, keys, rows):
    rows = sorted({row[:3]: row for row in rows}.values()) if is_sorted else rows
    flow = pl.DataFrame([(*row, row[0] // 3) for row in rows], schema=SCHEMA, orient="row")
    assert_frame_equal(batches._coin_flow(flow, keys), grouped(flow, keys))
