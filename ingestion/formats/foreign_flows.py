"""Daily flows of funds listed outside the United States: the format of every source of them.

The funds are those of the seed `foreign_funds`. No model of US funds reads a table of this key.
"""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from ingestion import fund_facts
from ingestion.formats import bounds
from ingestion.source import cell_schema

TABLE = "fund_flows"
KEY: dict[str, pl.DataType] = {
    "source": pl.String(),
    "ticker": pl.String(),
    "value_date": pl.Date(),
    "metric": pl.String(),
}
METRICS = ("net_flow_native", "net_flow_usd")

HONG_KONG = "hong_kong"
NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")

LEAST_FLOW_USD, MOST_FLOW_USD = 1_000, 5_000_000_000
"""Of a fund on a day, other than 0: funds create and redeem whole units of many shares, so that less is a number of
millions. The largest flow ever printed of any fund is 1,119.9 m."""
MOST_FLOW_NATIVE = 1_000_000
"""Of a fund on a day: more than twice the ether of the largest flow ever printed of any fund; dollars are more."""
LEAST_PRICE_USD, MOST_PRICE_USD = 10, 10_000_000
"""What a coin may cost by a flow in both: dollars among the coins, or coins among the dollars, cost one or so."""


class Flow(NamedTuple):
    """Net creations of a fund on a day, as text and number: coins and US dollars, empty and None where not reported."""

    texts: tuple[str, str]
    numbers: tuple[Decimal | None, Decimal | None]


def flow(market: str, ticker: str, day: date, native: str, usd: str) -> Flow:
    """The net creations of a fund of the market on a day, by their texts; an empty one was not reported.

    Raises:
        ValueError: there is no such fund, the day is none of its trading, a text is no number, neither is there, one is
            out of bounds, or one says creations and the other redemptions; its message is a clause.
    """
    _check_fund(market, ticker, day)
    coins, dollars = (
        _number(text, f"{metric} of {ticker} on {day}") for metric, text in zip(METRICS, (native, usd), strict=True)
    )
    if coins is None and dollars is None:
        raise ValueError(f"{ticker} on {day} has neither net_flow_native nor net_flow_usd")
    if dollars and not LEAST_FLOW_USD <= abs(dollars) <= MOST_FLOW_USD:
        raise ValueError(
            f"net_flow_usd of {ticker} on {day} is {usd}, expected 0 or {LEAST_FLOW_USD:,} to {MOST_FLOW_USD:,}"
            " dollars, not a number of millions"
        )
    if coins and abs(coins) > MOST_FLOW_NATIVE:
        raise ValueError(
            f"net_flow_native of {ticker} on {day} is {native}, expected at most {MOST_FLOW_NATIVE:,} coins,"
            " not dollars"
        )
    if coins and dollars:
        _check_price(coins, dollars, f"{ticker} on {day} has coins ({native}) and dollars ({usd})")
    return Flow((native, usd), (coins, dollars))


def _check_fund(market: str, ticker: str, day: date) -> None:
    listed = {name: fund for name, fund in fund_facts.foreign_funds().items() if fund.market == market}
    if (fund := listed.get(ticker)) is None:
        raise ValueError(f"{bounds.shown(ticker)} on {day} is none of the tickers {', '.join(listed)}")
    if day < fund.first_trade_date:
        raise ValueError(f"{ticker} has a flow on {day}, but trades since {fund.first_trade_date}")
    if day.isoweekday() > 5:
        raise ValueError(f"{ticker} has a flow on {day}, which is a {day:%A}")


def _check_price(coins: Decimal, dollars: Decimal, what: str) -> None:
    if (coins > 0) != (dollars > 0):
        raise ValueError(f"{what} of opposite signs")
    if not LEAST_PRICE_USD <= dollars / coins <= MOST_PRICE_USD:
        raise ValueError(f"{what}, expected {LEAST_PRICE_USD} to {MOST_PRICE_USD:,} dollars a coin")


def _number(text: str, what: str) -> Decimal | None:
    if text and not NUMBER.fullmatch(text):
        raise ValueError(f"{what} is {bounds.shown(text)}, expected a number like -1234.5 or nothing")
    return Decimal(text) if text else None


def cells(source: str, flows: Mapping[tuple[str, date], Flow]) -> pl.DataFrame:
    """Cells `net_flow_native` (coins) and `net_flow_usd` (US$) of each fund and day; blank where not reported."""
    rows = [
        (source, ticker, day, metric, text or None, None if number is None else float(number))
        for (ticker, day), flow in flows.items()
        for metric, text, number in zip(METRICS, *flow, strict=True)
    ]
    return pl.DataFrame(rows, schema=cell_schema(KEY), orient="row")
