"""Daily flows of funds listed outside the United States: the format of every source of them.

The funds are those of the seed `foreign_funds`. No model of US funds reads a table of this key.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from ingestion import fund_facts
from ingestion.formats import bounds, daily_csv
from ingestion.source import cell_schema

TABLE = "fund_flows"
KEY: dict[str, pl.DataType] = {
    "source": pl.String(),
    "ticker": pl.String(),
    "value_date": pl.Date(),
    "metric": pl.String(),
}
METRICS = ("net_flow_native", "net_flow_usd")

LEAST_FLOW_USD, MOST_FLOW_USD = 1_000, 5_000_000_000
"""Of a fund on a day, other than 0: funds create and redeem whole units of many shares, so that less is a number of
millions. The largest flow ever printed of any fund is 1,119.9 m."""


class Flow(NamedTuple):
    """Net creations of a fund on a day, as text and number: coins and US dollars, empty and None where not reported."""

    texts: tuple[str, str]
    numbers: tuple[Decimal | None, Decimal | None]


def check(market: str, ticker: str, day: date, flow: Flow) -> None:
    """Refuse a flow that cannot be one of a fund of the market.

    Raises:
        PageRefused: there is no such fund, the day is none of its trading, neither figure is there, one is out of
            bounds, or one says creations and the other redemptions.
    """
    _check_fund(market, ticker, day)
    native, usd = flow.numbers
    if native is None and usd is None:
        raise daily_csv.refused(f"{ticker} on {day} has neither net_flow_native nor net_flow_usd")
    if usd and not LEAST_FLOW_USD <= abs(usd) <= MOST_FLOW_USD:
        raise daily_csv.refused(
            f"net_flow_usd of {ticker} on {day} is {flow.texts[1]}, expected 0 or {LEAST_FLOW_USD:,} to"
            f" {MOST_FLOW_USD:,} dollars, not a number of millions"
        )
    if native and usd and (native > 0) != (usd > 0):
        raise daily_csv.refused(
            f"{ticker} on {day} has coins ({flow.texts[0]}) and dollars ({flow.texts[1]}) of opposite signs"
        )


def _check_fund(market: str, ticker: str, day: date) -> None:
    listed = {name: fund for name, fund in fund_facts.foreign_funds().items() if fund.market == market}
    if (fund := listed.get(ticker)) is None:
        raise daily_csv.refused(f"{bounds.shown(ticker)} on {day} is none of the tickers {', '.join(listed)}")
    if day < fund.first_trade_date:
        raise daily_csv.refused(f"{ticker} has a flow on {day}, but trades since {fund.first_trade_date}")
    if day.isoweekday() > 5:
        raise daily_csv.refused(f"{ticker} has a flow on {day}, which is a {day:%A}")


def cells(source: str, flows: Mapping[tuple[str, date], Flow]) -> pl.DataFrame:
    """Cells `net_flow_native` (coins) and `net_flow_usd` (US$) of each fund and day; blank where not reported."""
    rows = [
        (source, ticker, day, metric, text or None, None if number is None else float(number))
        for (ticker, day), flow in flows.items()
        for metric, text, number in zip(METRICS, *flow, strict=True)
    ]
    return pl.DataFrame(rows, schema=cell_schema(KEY), orient="row")
