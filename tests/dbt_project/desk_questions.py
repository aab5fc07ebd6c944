"""Twelve questions to the desk, answered in plain Python out of an oracle's rows, as `orchestration/answers` does."""

import statistics
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

from fund_oracle import Rows

Marts = dict[str, Rows]
Answer = Callable[[Marts], list[tuple]]


def rows_of(marts: Marts, mart: str, asset: str, names: str) -> list[tuple]:
    """The key and some columns of an asset's rows, oldest first."""
    found = []
    for key, row in marts[mart].items():
        if row.get("asset", key[0]) == asset:
            found.append((*key, *(row[name] for name in names.split())))
    return sorted(found, key=lambda row: (row[1], row[0])) if mart.startswith("etf") else sorted(found)


def newest(marts: Marts, names: str) -> dict[str, tuple]:
    """The last row of each Bitcoin fund: its session and some columns."""
    return {ticker: (day, *rest) for ticker, day, *rest in rows_of(marts, "etf_fund_daily", "BTC", names)}


def scaled(figure: float | None, unit: float) -> float | None:
    return None if figure is None else figure / unit


def ibits_last_week(marts: Marts) -> list[tuple]:
    names = "net_flow_usd net_flow_native week_rank sessions expected_sessions is_complete flow_source"
    weeks = [row[1:] for row in rows_of(marts, "etf_fund_weekly", "BTC", names) if row[0] == "IBIT"]
    return [(week, scaled(usd, 1e6), *rest) for week, usd, *rest in reversed(weeks[-4:])]


def worst_days(marts: Marts) -> list[tuple]:
    names = "net_flow_usd net_flow_native funds_reported funds_expected"
    days = [row[1:] for row in rows_of(marts, "etf_market_daily", "BTC", names) if row[2] is not None]
    return [(day, usd / 1e6, *rest) for day, usd, *rest in sorted(days, key=lambda row: row[1])[:5]]


def cumulative_by_fund(marts: Marts) -> list[tuple]:
    last = newest(marts, "cumulative_flow_usd cumulative_flow_native cumulative_missing")
    rows = [(ticker, day, usd / 1e9, *rest) for ticker, (day, usd, *rest) in last.items()]
    return sorted(rows, key=lambda row: -row[2])


def assets_and_share(marts: Marts) -> list[tuple]:
    rows = rows_of(marts, "etf_fund_daily", "BTC", "net_assets_usd market_share_pct")
    last = {ticker: (ticker, day, usd / 1e9, share) for ticker, day, usd, share in rows if share is not None}
    return sorted(last.values(), key=lambda row: -row[2])


def streaks_by_fund(marts: Marts) -> list[tuple]:
    streaks: dict[str, list[int]] = {}
    for ticker, _, streak in rows_of(marts, "etf_fund_daily", "BTC", "flow_streak_sessions"):
        streaks.setdefault(ticker, []).extend([] if streak is None else [streak])
    rows = [(ticker, found[-1], max(found), min(found)) for ticker, found in streaks.items()]
    return sorted(rows, key=lambda row: (-row[2], row[0]))


def weeks_over_10000_btc(marts: Marts) -> list[tuple]:
    weeks: dict[Any, list] = {}
    for _, week, *figures in rows_of(marts, "etf_fund_weekly", "BTC", "net_flow_native net_flow_usd is_complete"):
        weeks.setdefault(week, []).append(figures)
    sums = [
        (week, known(row[0] for row in of), known(row[1] for row in of) / 1e6, all(row[2] for row in of))
        for week, of in weeks.items()
    ]
    return [row for row in sorted(sums, reverse=True) if abs(row[1]) > 10_000]


def known(figures: Iterable) -> Any:
    return sum(figure for figure in figures if figure is not None)


def coins_held(marts: Marts) -> list[tuple]:
    rows = rows_of(marts, "etf_fund_daily", "BTC", "held_native held_method held_anchor_date held_error_bps")
    held = [row for row in rows if row[2] is not None]
    return sorted(held, key=lambda row: (row[1], row[2]), reverse=True)[:11]


def holders_against_funds(marts: Marts) -> list[tuple]:
    names = "etf_net_flow_native lth_net_change_native lth_net_change_low_native lth_net_change_high_native"
    names += " issued_native apparent_demand_native is_complete missing has_internal_move is_preferred"
    found = []
    for _, day, series, definition, window, *figures in rows_of(marts, "demand_vs_supply_daily", "BTC", names):
        if window == 30 and figures[-1]:
            found.append((day, *figures[:6], series, definition, *figures[6:-1]))
    return sorted(found, reverse=True)[:30]


def flow_and_return(marts: Marts) -> list[tuple]:
    answers = []
    for asset in ("BTC", "ETH"):
        pairs = []
        rows = rows_of(marts, "etf_market_daily", asset, "net_flow_usd reference_usd reference_method")
        for (*_, before, clock), (_, _, flow, price, method) in pairwise(rows):
            if not {clock, method} & {None, "utc_close"} and flow is not None:
                pairs.append((flow, 100 * (price / before - 1)))
        if pairs:
            answers.append((asset, len(pairs), statistics.correlation(*zip(*pairs, strict=True))))
    return answers


def ranking(marts: Marts) -> list[tuple]:
    rows = rows_of(marts, "etf_fund_weekly", "BTC", "week_rank net_flow_usd net_flow_native")
    first = [row for row in rows if row[2] is not None and row[2] <= 3]
    first.sort(key=lambda row: (-row[1].toordinal(), row[2], row[0]))
    return [(week, place, ticker, scaled(usd, 1e6), native) for ticker, week, place, usd, native in first]


def share_of_supply(marts: Marts) -> list[tuple]:
    names = "held_native supply_share_pct supply_method funds_valued funds_expected"
    return [row[1:] for row in reversed(rows_of(marts, "etf_market_daily", "BTC", names)[-20:])]


def ether_funds(marts: Marts) -> list[tuple]:
    names = "net_flow_usd net_flow_native flow_5d_usd flow_streak_sessions funds_reported funds_expected is_complete"
    rows = reversed(rows_of(marts, "etf_market_daily", "ETH", names)[-20:])
    return [(day, scaled(usd, 1e6), coins, scaled(five, 1e6), *rest) for _, day, usd, coins, five, *rest in rows]


QUESTIONS: list[Answer] = [
    ibits_last_week,
    worst_days,
    cumulative_by_fund,
    assets_and_share,
    streaks_by_fund,
    weeks_over_10000_btc,
    coins_held,
    holders_against_funds,
    flow_and_return,
    ranking,
    share_of_supply,
    ether_funds,
]
