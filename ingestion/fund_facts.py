"""What a person has reviewed about funds, and pages are held against: seeds of the dbt project, read as they are."""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

SEEDS = Path(__file__).parent.parent / "dbt_project" / "seeds"
FUNDS, TICKER_HISTORY = SEEDS / "facts_funds.csv", SEEDS / "facts_ticker_history.csv"
FOREIGN_FUNDS = SEEDS / "foreign_funds.csv"
FILINGS = SEEDS / "facts_filings.csv"


class Fund(NamedTuple):
    """A fund: the asset it holds, its first days with a flow and with a NAV, what its counts show, and its last day of
    flows, where known."""

    asset: str
    first_flow_date: date | None
    inception_date: date | None = None
    share_date_convention: str = ""
    last_flow_date: date | None = None


class Filing(NamedTuple):
    """What a fund filed of the end of a quarter: its coins, and its shares."""

    day: date
    native_held: float
    shares_outstanding: float


class ForeignFund(NamedTuple):
    """A fund that is listed outside the United States: where, and its first day of trading."""

    market: str
    first_trade_date: date


@cache
def funds() -> Mapping[str, Fund]:
    """The funds by their present ticker."""
    return {
        row["ticker"]: Fund(
            row["asset"],
            _day(row["first_flow_date"]),
            _day(row["inception_date"]),
            row["share_date_convention"],
            _day(row["last_flow_date"]),
        )
        for row in _rows(FUNDS)
    }


@cache
def former_tickers() -> Mapping[tuple[str, str], str]:
    """The present ticker of a fund by its asset and a former ticker of it."""
    return {(row["asset"], row["former_ticker"]): row["ticker"] for row in _rows(TICKER_HISTORY)}


@cache
def filings() -> Mapping[str, Sequence[Filing]]:
    """What funds filed that says both coins and shares, by their ticker."""
    found: dict[str, list[Filing]] = defaultdict(list)
    for row in _rows(FILINGS):
        if row["filed_native"] and row["shares_outstanding"]:
            day = date.fromisoformat(row["quarter_end_date"])
            found[row["ticker"]].append(Filing(day, float(row["filed_native"]), float(row["shares_outstanding"])))
    return found


@cache
def foreign_funds() -> Mapping[str, ForeignFund]:
    """The funds listed outside the United States by their ticker, which is none of `funds`."""
    return {
        row["ticker"]: ForeignFund(row["market"], date.fromisoformat(row["first_trade_date"]))
        for row in _rows(FOREIGN_FUNDS)
    }


def as_text() -> str:
    """What pages are judged by: what was judged by other facts has to be judged again."""
    return FUNDS.read_text() + TICKER_HISTORY.read_text() + FILINGS.read_text()


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
