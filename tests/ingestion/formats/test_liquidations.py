from datetime import datetime, timedelta

import polars as pl
import pytest

from ingestion.errors import PageRefused
from ingestion.formats import hyperliquid, liquidations

AT = datetime(2025, 10, 10, 21)


def framed(*periods, length=liquidations.HOUR):
    """Rows of periods of BTC longs, given as (start, dollars, count, largest)."""
    table = pl.DataFrame([("BTC", "long", *period) for period in periods], schema=liquidations.PERIODS, orient="row")
    return liquidations.frame(table, "made", "venue_aggregate", length, "Made")


def test_periods_become_rows_in_order_and_a_repeated_one_counts_once():
    early, late = (AT, 1.5, 1, 1.5), (AT + liquidations.HOUR, 3.0, 2, 2.0)
    found = framed(late, early, late)
    assert found.schema == liquidations.KEY | liquidations.VALUES
    assert found.rows() == [
        ("BTC", "made", "venue_aggregate", "long", AT, AT.date(), 1.5, 1, 1.5, 3600, 3600),
        ("BTC", "made", "venue_aggregate", "long", late[0], AT.date(), 3.0, 2, 2.0, 3600, 3600),
    ]


def test_a_period_without_a_figure_is_no_zero_and_covers_nothing():
    assert framed((AT, None, None, None)).select("notional_usd", "covered_seconds").rows() == [(None, 0)]
    assert framed((AT, 0.0, 0, None)).select("notional_usd", "covered_seconds").rows() == [(0.0, 3600)]


@pytest.mark.parametrize(
    ("periods", "reason"),
    [
        ([(AT, 1.0, None, None), (AT, 2.0, None, None)], "a period twice with different figures"),
        ([(AT, 1.0, None, None), (AT, None, None, None)], "a period twice with different figures"),
        ([(AT + timedelta(minutes=1), 1.0, None, None)], "a period that does not begin where one of 1:00:00 begins"),
        ([(AT, -1.0, None, None)], "an amount that is negative or infinite"),
        ([(AT, 1.0, -1, None)], "an amount that is negative or infinite"),
        ([(AT, 1.0, 1, float("inf"))], "an amount that is negative or infinite"),
        ([(AT, float("nan"), 1, None)], "an amount that is negative or infinite"),
    ],
)
def test_what_cannot_be_is_refused(periods, reason):
    with pytest.raises(PageRefused, match=reason):
        framed(*periods)


@pytest.mark.parametrize("number", [1760130000, 1760130000000, 1760130000.0])
def test_seconds_and_milliseconds_are_one_time(number):
    assert liquidations.instant(number, "Made") == AT


@pytest.mark.parametrize("number", [0, -1760130000, 1760130000000000, 2**63, float("nan"), float("inf")])
def test_a_time_without_perpetual_contracts_is_refused(number):
    with pytest.raises(PageRefused, match="Made served the time"):
        liquidations.instant(number, "Made")


def test_an_epoch_is_in_utc():
    assert liquidations.epoch(AT) == 1760130000


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<!DOCTYPE html><title>Just a moment</title>", "a web page in place of figures"),
        (b"\n <html>", "a web page in place of figures"),
        (b"", "another shape"),
        (b"[1, 2", "another shape"),
        (b'{"a": 1}', "another shape"),
        (b'["x"]', "another shape"),
        (b"[NaN]", "another shape"),
        (b"\xff\xfe", "another shape"),
        (b"[" * 100_000, "another shape"),
        (b"[" + b"1," * 2_500_000 + b"1]", "more than 5,000,000 bytes"),
    ],
)
def test_what_is_no_answer_is_refused_in_one_sentence(content, reason):
    with pytest.raises(PageRefused, match=reason) as caught:
        liquidations.decode(content, list[float], "Made")
    assert str(caught.value).startswith("Made served ")
    assert "\n" not in str(caught.value)


def test_numbers_may_be_written_as_text():
    assert liquidations.decode(b'["1.5", 2]', list[float], "Made") == [1.5, 2.0]


@pytest.mark.parametrize(("coin", "asset"), [("kPEPE", "PEPE"), ("BTC", "BTC"), ("kava", "kava"), ("AkX", "AkX")])
def test_a_thousand_of_a_coin_is_named_after_it(coin, asset):
    assert hyperliquid.asset(coin) == asset
