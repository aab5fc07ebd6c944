from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.sources import bitview

HEADER = "date,lth_supply_sats,sth_supply_sats"


def answer(*lines, header=HEADER):
    return "".join(f"{line}\n" for line in (header, *lines)).encode()


def cells(*lines):
    return bitview.frame(bitview.parse(answer(*lines)), "lth_sth_supply")


def test_satoshi_become_coins():
    found = cells("2025-01-01,1407791757433593,589186909563503")
    assert found.schema == bitview.SOURCE.key | {"raw_text": pl.String, "value": pl.Float64}
    assert found.rows() == [
        ("bitview", date(2025, 1, 1), "lth_native", "1407791757433593", 14077917.57433593),
        ("bitview", date(2025, 1, 1), "sth_native", "589186909563503", 5891869.09563503),
    ]


@given(st.integers(0, 21 * 10**14))
def test_coins_are_the_nearest_number_to_the_satoshi(sats):
    assert cells(f"2025-01-01,{sats},0")["value"].to_list() == [sats / 10**8, 0.0]


def test_days_before_the_first_block_have_no_figure():
    found = cells("2009-01-01,,", "2009-01-02,,", "2009-01-03,0,5000000000")
    assert found["value_date"].unique().to_list() == [date(2009, 1, 3)]


def test_an_answer_without_any_figure_is_refused():
    with pytest.raises(PageRefused, match="it has no figure"):
        bitview.parse(answer("2009-01-01,,", "2009-01-02,,"))


def test_half_a_day_is_refused():
    with pytest.raises(PageRefused, match="sth_supply_sats on 2025-01-01 is ''"):
        cells("2025-01-01,2,")


@pytest.mark.parametrize("line", ["2025-01-01,15126910.42765126,2", "2025-01-01,15126910,4818019.5"])
def test_coins_where_satoshi_are_due_are_refused(line):
    with pytest.raises(PageRefused, match=r"the supply on 2025-01-01 is .*, expected whole satoshi"):
        cells(line)


def test_swapped_labels_are_refused():
    assert cells("2013-12-31,1,2").height == 2
    with pytest.raises(PageRefused, match="is below short-term supply"):
        cells("2014-01-01,1,2")


@pytest.mark.parametrize(
    "header", ["date,sth_supply_sats,lth_supply_sats", "lth_supply_sats,sth_supply_sats", '{"a":1}']
)
def test_columns_in_another_order_are_refused(header):
    with pytest.raises(PageRefused, match=f"expected '{HEADER}'"):
        bitview.parse(answer("2025-01-01,2,1", header=header))


def test_fetch_asks_for_every_day_but_the_newest_even_when_held():
    class Publisher:
        def get(self, url):
            return Served(url, b"", datetime(2025, 1, 2))

    (served,) = bitview.fetch(Publisher(), "lth_sth_supply", frozenset([bitview.URL]), date(2025, 1, 2))
    assert served.url == (
        "https://bitview.space/api/series/bulk?series=date,lth_supply_sats,sth_supply_sats&index=day1&end=-1&format=csv"
    )
