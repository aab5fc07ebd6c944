"""What a person has reviewed about funds, and pages are held against: seeds of the dbt project, read as they are."""

import csv
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

SEEDS = Path(__file__).parent.parent / "dbt_project" / "seeds"
FUNDS, TICKER_HISTORY = SEEDS / "facts_funds.csv", SEEDS / "facts_ticker_history.csv"
FOREIGN_FUNDS = SEEDS / "foreign_funds.csv"


class Fund(NamedTuple):
    """A fund: the asset it holds, its first days with a flow and with a NAV, and what its counts show, where known."""

    asset: str
    first_flow_date: date | None
    inception_date: date | None = None
    share_date_convention: str = ""


class ForeignFund(NamedTuple):
    """A fund that is listed outside the United States: where, and its first day of trading."""

    market: str
    first_trade_date: date


@cache
def funds() -> Mapping[str, Fund]:
    """The funds by their present ticker."""
    return {
        row["ticker"]: Fund(
            row["asset"], _day(row["first_flow_date"]), _day(row["inception_date"]), row["share_date_convention"]
        )
        for row in _rows(FUNDS)
    }


@cache
def former_tickers() -> Mapping[tuple[str, str], str]:
    """The present ticker of a fund by its asset and a former ticker of it."""
    return {(row["asset"], row["former_ticker"]): row["ticker"] for row in _rows(TICKER_HISTORY)}


@cache
def foreign_funds() -> Mapping[str, ForeignFund]:
    """The funds listed outside the United States by their ticker, which is none of `funds`."""
    return {
        row["ticker"]: ForeignFund(row["market"], date.fromisoformat(row["first_trade_date"]))
        for row in _rows(FOREIGN_FUNDS)
    }


def as_text() -> str:
    """What pages are judged by: what was judged by other facts has to be judged again."""
    return FUNDS.read_text() + TICKER_HISTORY.read_text()


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
