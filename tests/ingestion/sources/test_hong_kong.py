from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion import fund_facts
from ingestion.errors import PageRefused
from ingestion.sources import hong_kong

DAY = date(2024, 5, 2)


def cells(*lines, resource="mine"):
    content = "\n".join(["trade_date,ticker,net_flow_native,net_flow_usd", *lines]).encode()
    return hong_kong.SOURCE.read(content, resource)


def test_a_line_becomes_coins_and_dollars_of_its_fund_and_day():
    found = cells("2024-05-02,3042,-12.5,-750000.25", "2024-05-02,3046,0,")
    assert found.schema == hong_kong.SOURCE.key | {"raw_text": pl.String, "value": pl.Float64}
    assert found.rows() == [
        ("mine", "3042", DAY, "net_flow_native", "-12.5", -12.5),
        ("mine", "3042", DAY, "net_flow_usd", "-750000.25", -750000.25),
        ("mine", "3046", DAY, "net_flow_native", "0", 0),
        ("mine", "3046", DAY, "net_flow_usd", None, None),
    ]


@given(
    st.sampled_from([*fund_facts.foreign_funds()]),
    st.dates(date(2025, 10, 27), date(2100, 1, 1)).filter(lambda day: day.isoweekday() < 6),
    st.decimals(-(10**6), 10**6, places=8),
    st.integers(10, 10**7),
)
def test_any_flow_comes_back_exactly(ticker, day, native, price):
    usd = native * price if 1_000 <= abs(native * price) <= 5 * 10**9 else None
    found = cells(f"{day},{ticker},{native:f},{'' if usd is None else f'{usd:f}'}")
    assert found["ticker"].to_list() == [ticker] * 2
    assert found["value"].to_list() == [float(native), None if usd is None else float(usd)]


def test_a_line_that_comes_twice_counts_once():
    assert cells("2024-05-02,3042,1,", "2024-05-02,3042,1.0,").height == 2


@pytest.mark.parametrize("day", ["2024-04-30", "2024-05-03", "2024-05-06"])
def test_the_first_day_of_trading_and_the_ends_of_a_week_are_days_of_flows(day):
    assert cells(f"{day},3042,1,").height == 2


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("2024-05-02,9042,1,", "'9042' on 2024-05-02 is none of the tickers 3042, 3046, 3008, 3009, 3439, 3179, 3460"),
        ("2024-05-02,IBIT,1,", "'IBIT' on 2024-05-02 is none of the tickers"),
        ("2024-04-29,3042,1,", "3042 has a flow on 2024-04-29, but trades since 2024-04-30"),
        ("2025-10-24,3460,1,", "3460 has a flow on 2025-10-24, but trades since 2025-10-27"),
        ("2024-05-04,3042,1,", "3042 has a flow on 2024-05-04, which is a Saturday"),
        ("2024-05-05,3042,1,", "3042 has a flow on 2024-05-05, which is a Sunday"),
        ("02/05/2024,3042,1,", "expected a day like 2025-11-04, got '02/05/2024'"),
        ("2024-05-02,3042,,", "3042 on 2024-05-02 has neither net_flow_native nor net_flow_usd"),
        ('2024-05-02,3042,"1,234.5",', "net_flow_native of 3042 on 2024-05-02 is '1,234.5', expected a number like"),
        ("2024-05-02,3042,1,234.5,", "the line of '2024-05-02' has 5 fields, expected 4"),
        ("2024-05-02,3042,,(750000)", r"net_flow_usd of 3042 on 2024-05-02 is '\(750000\)', expected a number like"),
        ("2024-05-02,3042,nan,", "net_flow_native of 3042 on 2024-05-02 is 'nan'"),
        ("2024-05-02,3042,+1,", r"net_flow_native of 3042 on 2024-05-02 is '\+1'"),
        ("2024-05-02,3042,-,", "net_flow_native of 3042 on 2024-05-02 is '-'"),
        ("2024-05-02,3042,,-1.2", "net_flow_usd of 3042 on 2024-05-02 is -1.2, expected 0 or 1,000 to 5,000,000,000"),
        ("2024-05-02,3042,,5000000000.1", "is 5000000000.1, expected 0 or 1,000 to 5,000,000,000 dollars"),
        ("2024-05-02,3042,1,-60000", r"3042 on 2024-05-02 has coins \(1\) and dollars \(-60000\) of opposite signs"),
        ("2024-05-02,3042,750000,750000", r"has coins \(750000\) and dollars \(750000\), expected 10 to 10,000,000"),
        ("2024-05-02,3042,0.001,60000", "expected 10 to 10,000,000 dollars a coin"),
        ("2024-05-02,3042,-1000000.5,", "-1000000.5, expected at most 1,000,000 coins, not dollars"),
        ("2024-05-03,3042,2,", "it has 3042 on 2024-05-03 twice with different figures"),
        ("2024-05-03,3042,1,60000", "it has 3042 on 2024-05-03 twice with different figures"),
    ],
)
def test_a_line_that_cannot_be_right_refuses_the_file_in_a_sentence(line, sentence):
    with pytest.raises(PageRefused, match=f"{sentence}.*: fix the file, then ingest it again.$"):
        cells("2024-05-03,3042,1,", line)


def test_another_header_is_refused():
    with pytest.raises(PageRefused, match="expected 'trade_date,ticker,net_flow_native,net_flow_usd'"):
        hong_kong.parse(b"date,ticker,net_flow_native,net_flow_usd\n2024-05-02,3042,1,\n")


def test_funds_of_other_markets_are_no_funds_of_hong_kong(monkeypatch):
    elsewhere = fund_facts.ForeignFund("elsewhere", date(2020, 1, 1))
    monkeypatch.setattr(fund_facts, "foreign_funds", lambda: {"3042": elsewhere})
    with pytest.raises(PageRefused, match="'3042' on 2024-05-02 is none of the tickers"):
        cells("2024-05-02,3042,1,")


def test_no_fund_is_listed_both_in_the_united_states_and_elsewhere():
    assert not fund_facts.foreign_funds().keys() & fund_facts.funds().keys()
