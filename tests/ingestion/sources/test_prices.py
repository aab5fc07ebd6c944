from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import PageRefused
from ingestion.sources import prices

DAY = date(2010, 7, 17)


def cells(*lines, resource="mine"):
    return prices.frame(prices.parse("\n".join(["date,close", *lines]).encode()), resource)


@pytest.mark.parametrize("close", ["1e99", "1e30", "100000000000000000000", "10000001", "0.0000000001"])
def test_a_price_that_no_coin_has_is_refused(close):
    with pytest.raises(
        PageRefused, match=r"close on 2013-01-02 is .* US\$, and no coin costs less than 0.00000001 or more"
    ):
        cells("2013-01-01,13.3", f"2013-01-02,{close}")


def test_a_close_before_the_first_coin_is_refused():
    with pytest.raises(PageRefused, match="there is no close on 1999-01-01, before the first coin"):
        cells("1999-01-01,5")


def test_a_line_becomes_a_close():
    found = cells("2010-07-17,0.04951")
    assert found.schema == prices.SOURCE.key | {"raw_text": pl.String, "value": pl.Float64}
    assert found.rows() == [("BTC", "mine", DAY, "close_usd", "0.04951", 0.04951)]


@given(st.dates(DAY, date(2100, 1, 1)), st.decimals("0.00000001", 10**7, places=8))
def test_any_price_above_0_comes_back_exactly(day, close):
    assert cells(f"{day},{close:f}").row(0)[2:] == (day, "close_usd", f"{close:f}", float(close))


@pytest.mark.parametrize(("venue", "asset"), [("mine", "BTC"), ("mine", "ETH"), ("a-b_c", "SOL")])
def test_the_folder_names_venue_and_asset(venue, asset):
    assert cells("2010-07-17,1", resource=prices.resource(venue, asset)).row(0)[:2] == (asset, venue)


def test_the_folder_of_bitcoin_is_the_venue():
    assert prices.resource("mine", "BTC") == "mine"


@pytest.mark.parametrize("close", ["0", "0.00", "0e5"])
def test_a_price_of_0_is_refused(close):
    with pytest.raises(PageRefused, match="close on 2010-07-18 is 0, expected a price above 0"):
        cells("2010-07-17,1", f"2010-07-18,{close}")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("2010-07-18,-1", "close on 2010-07-18 is '-1'"),
        ("2010-07-18,", "close on 2010-07-18 is ''"),
        ("18 Jul 2010,1", "got '18 Jul 2010'"),
        ("2010-07-17,2", "it has 2010-07-17 twice with different figures"),
    ],
)
def test_what_does_not_parse_is_refused_by_day(line, sentence):
    with pytest.raises(PageRefused, match=sentence):
        cells("2010-07-17,1", line)


def test_another_header_is_refused():
    with pytest.raises(PageRefused, match="expected 'date,close'"):
        prices.parse(b"Date,Close\n2010-07-17,1\n")
