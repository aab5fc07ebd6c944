"""What the issuers' own counts say of a change: a flow is the shares created on a day, at its net asset value.

A restatement that they confirm can be accepted with a light heart.
"""

from collections.abc import Iterable, Mapping
from datetime import date

from ingestion import fund_facts
from ingestion.calendar import SCHEMA as SESSIONS
from ingestion.calendar import SOURCE, TABLE
from ingestion.formats import fund_days
from ingestion.judgement.judge import Change
from ingestion.lake.observations import newest_state, observation_schema
from ingestion.lake.tables import Lake

Figures = Mapping[tuple[str, date, str], float | None]
NEXT_TO = ("session_date", "previous_session_date", "next_session_date")
ROUNDING_USD = 60_000
"""Two roundings to US$ 0.1 m."""


def confirmed(lake: Lake, changes: Iterable[Change]) -> tuple[int, int]:
    """How many changed flows the issuers' counts confirm, and of how many they can tell.

    A count that is stamped by settlement shows the trades of a session on the next one, any other on the same.
    """
    sessions = lake.read_if_readable(SOURCE, TABLE, SESSIONS)
    flows = [each for each in changes if each.key.metric == "net_flow_usd" and each.after is not None]
    if not flows or sessions is None:
        return 0, 0
    figures = _figures(lake)
    next_to = {day: (before, after) for day, before, after in sessions.select(*NEXT_TO).iter_rows()}
    told = [(each, flow) for each in flows if (flow := _flow(figures, next_to, each)) is not None]
    return sum(abs(flow - (each.after or 0)) <= ROUNDING_USD for each, flow in told), len(told)


def _figures(lake: Lake) -> Figures:
    """What the issuers' newest pages say, by ticker, day and metric."""
    stored = [
        lake.read_if_readable(source, fund_days.TABLE, observation_schema(fund_days.KEY))
        for source in lake.sources_of(fund_days.TABLE)
    ]
    return {
        (ticker, day, metric): value
        for rows in stored
        if rows is not None
        for ticker, day, metric, value in newest_state(rows, fund_days.KEY)
        .select("ticker", "value_date", "metric", "value")
        .iter_rows()
    }


def _flow(figures: Figures, next_to: Mapping[date, tuple[date, date]], change: Change) -> float | None:
    ticker, day = change.key.ticker, change.key.value_date
    fund = fund_facts.funds().get(ticker)
    if fund is None or day not in next_to or not fund.share_date_convention:
        return None
    days = (day, next_to[day][1]) if fund.share_date_convention == "settlement_date" else (next_to[day][0], day)
    nav = figures.get((ticker, day, "nav_usd"))
    before, after = (figures.get((ticker, each, "shares_outstanding")) for each in days)
    return None if nav is None or before is None or after is None else (after - before) * nav
