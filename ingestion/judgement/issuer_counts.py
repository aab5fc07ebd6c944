"""What the issuers' own counts say of a change: a flow is the shares created on a day, at its net asset value.

A restatement that they confirm can be accepted with a light heart.
"""

from collections.abc import Iterable
from datetime import date

import polars as pl

from ingestion.calendar import SCHEMA as SESSIONS
from ingestion.calendar import SOURCE, TABLE
from ingestion.judgement.judge import Change
from ingestion.lake.observations import newest_state, observation_schema
from ingestion.lake.tables import Lake

COUNTS = ("ishares", "fund_daily")
KEY = {"asset": pl.String(), "ticker": pl.String(), "value_date": pl.Date(), "metric": pl.String()}
ROUNDING_USD = 60_000
"""Two roundings to US$ 0.1 m."""


def confirmed(lake: Lake, changes: Iterable[Change]) -> tuple[int, int]:
    """How many changed flows the issuers' counts confirm, and of how many they can tell.

    The counts of iShares are stamped by settlement: the trades of a session show on the next one.
    """
    stored = lake.read_if_readable(*COUNTS, observation_schema(KEY))
    sessions = lake.read_if_readable(SOURCE, TABLE, SESSIONS)
    flows = [each for each in changes if each.key.metric == "net_flow_usd" and each.after is not None]
    if not flows or stored is None or sessions is None:
        return 0, 0
    figures = {
        (ticker, day, metric): value
        for ticker, day, metric, value in newest_state(stored, KEY)
        .select("ticker", "value_date", "metric", "value")
        .iter_rows()
    }
    following = dict(sessions.select("session_date", "next_session_date").iter_rows())
    told = [(each, flow) for each in flows if (flow := _flow(figures, following, each)) is not None]
    return sum(abs(flow - (each.after or 0)) <= ROUNDING_USD for each, flow in told), len(told)


def _flow(
    figures: dict[tuple[str, date, str], float | None], following: dict[date, date], change: Change
) -> float | None:
    ticker, day = change.key.ticker, change.key.value_date
    nav, before = (figures.get((ticker, day, metric)) for metric in ("nav_usd", "shares_outstanding"))
    after = figures.get((ticker, following[day], "shares_outstanding")) if day in following else None
    return None if nav is None or before is None or after is None else (after - before) * nav
