"""Funds against long-term holders by day in plain Python, out of rows of flows and of the chain."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from fund_captures import DAY, World
from fund_oracle import Rows


@dataclass(repr=False)
class Chains:
    """What is known of coins on main networks: rows by their key, amounts in coins.

    Attributes:
        supply: (asset, series, definition, day) to (lth, supply, is_final).
        seams: (asset, series, definition) to the first day of another computation.
        spent: (asset, series, definition, day) to what long-term holders spent.
        issued: (asset, day) to what was issued.
        published_issued: (asset, series, definition, day) to what the series' publisher says was issued.
        idle: (asset, day) to what had not moved for a year.
        adjusted: (asset, series, definition, day) to supply with coins inside one owner, by low and by high bounds.
        moves: (asset, series, definition, day) to the names of moves without a sale, or of their echoes.
        priorities: of definitions, the preferred one first.
    """

    supply: dict[tuple, tuple[Decimal, Decimal, bool]] = field(default_factory=dict)
    seams: dict[tuple, date] = field(default_factory=dict)
    spent: dict[tuple, Decimal] = field(default_factory=dict)
    issued: dict[tuple, Decimal] = field(default_factory=dict)
    published_issued: dict[tuple, Decimal] = field(default_factory=dict)
    idle: dict[tuple, Decimal] = field(default_factory=dict)
    adjusted: dict[tuple, tuple[Decimal, Decimal]] = field(default_factory=dict)
    moves: dict[tuple, set[str]] = field(default_factory=dict)
    priorities: list[str] = field(default_factory=list)


def demand_vs_supply_daily(market: Rows, world: World, chains: Chains) -> Rows:
    """Funds against long-term holders in the days (d - W, d], for each series and definition.

    Args:
        market: rows of `etf_market_daily`.
    """
    rows = {}
    for asset in {asset for asset, *_ in chains.supply}:
        of_asset = {key[1:3] for key in chains.supply if key[0] == asset}
        days = days_of(asset, market, world, chains)
        sessions = listed_sessions(asset, world) | {day for of, day in market if of == asset}
        for day in days:
            for window in (1, 7, 30):
                within = [day - number * DAY for number in range(window)]
                funds = fund_flows(asset, [each for each in within if each in sessions], market)
                found = {}
                for series, definition in sorted(of_asset):
                    found[series, definition] = funds | holder_flows(chains, (asset, series, definition), within)
                mark_preferred(found, chains.priorities)
                rows |= {(asset, day, *key, window): row for key, row in found.items()}
    return rows


def listed_sessions(asset: str, world: World) -> set[date]:
    """The sessions on which a fund of the asset is listed."""
    return {
        session.day
        for session in world.sessions
        if any(fund.asset == asset and fund.is_listed(session.day) for fund in world.funds)
    }


def days_of(asset: str, market: Rows, world: World, chains: Chains) -> list[date]:
    """Every day from the first of holders or funds to the last of either."""
    held = [day for of, _, _, day in chains.supply if of == asset]
    traded = [day for of, day in market if of == asset]
    begin, end = min([*held, *listed_sessions(asset, world)]), max([*held, *traded])
    return [begin + number * DAY for number in range((end - begin).days + 1)]


def fund_flows(asset: str, sessions: list[date], market: Rows) -> dict[str, Any]:
    rows = [market.get((asset, day)) for day in sessions]
    known = [row for row in rows if row and row["net_flow_usd"] is not None]
    flows = [row["net_flow_native"] for row in known]
    native = Decimal(0) if not sessions else None if not known or None in flows else sum(flows)
    return {
        "sessions": len(known),
        "etf_net_flow_native": native,
        "is_every_fund_reported": all(row and row["is_complete"] for row in rows) and native is not None,
    }


def holder_flows(chains: Chains, key: tuple[str, str, str], within: list[date]) -> dict[str, Any]:
    """What holders and miners did in a window, newest day first."""
    asset, last, before = key[0], within[0], within[-1] - DAY
    ends = [chains.supply.get((*key, day)) for day in (before, last)]
    is_known = None not in ends
    is_change_known = is_known and is_of_one_computation(chains, key, within)
    spent = [chains.spent.get((*key, day)) for day in within]
    issued = [chains.issued.get((asset, day)) for day in within]
    idle = [chains.idle.get((asset, day)) for day in (before, last)]
    published = [chains.published_issued.get((*key, day)) for day in within]
    by_publisher = None if None in published else sum(published)
    by_blocks = None if None in issued else sum(issued)
    by_anyone = by_publisher if by_blocks is None else by_blocks
    return {
        "lth_net_change_native": ends[1][0] - ends[0][0] if is_change_known else None,
        "lth_spent_native": None if None in spent else sum(spent),
        "issued_native": by_anyone if by_anyone is not None else ends[1][1] - ends[0][1] if is_known else None,
        "apparent_demand_native": None if by_blocks is None or None in idle else by_blocks - (idle[1] - idle[0]),
        "is_final": is_known and ends[0][2] and ends[1][2],
        **internal_moves(chains, key, within),
    }


def is_of_one_computation(chains: Chains, key: tuple[str, str, str], within: list[date]) -> bool:
    """Whether both ends of a window are."""
    seam = chains.seams.get(key)
    return seam is None or not within[-1] - DAY < seam <= within[0]


def internal_moves(chains: Chains, key: tuple[str, str, str], within: list[date]) -> dict[str, Any]:
    """Which known moves touch a window, and the change of supply without them."""
    names = sorted(set().union(*(chains.moves.get((*key, day), set()) for day in within)))
    before, after = (chains.adjusted.get((*key, day)) for day in (within[-1] - DAY, within[0]))
    low, high = (b - a for a, b in zip(before, after, strict=True)) if before and after else (None, None)
    if not is_of_one_computation(chains, key, within):
        low, high = None, None
    return {
        "has_internal_move": bool(names),
        "internal_moves": ", ".join(names) or None,
        "lth_net_change_adjusted_low_native": low,
        "lth_net_change_adjusted_high_native": high,
    }


def mark_preferred(rows: dict[tuple[str, str], dict[str, Any]], priorities: list[str]) -> None:
    """What is missing of each row, the span of their net changes, and the one to take if one is wanted."""
    changes = [row["lth_net_change_native"] for row in rows.values() if row["lth_net_change_native"] is not None]
    for (series, _), row in rows.items():
        is_final, is_reported = row.pop("is_final"), row.pop("is_every_fund_reported")
        lacks = {
            "fund flows": not is_reported,
            "long-term supply": row["lth_net_change_native"] is None,
            "final days": row["lth_net_change_native"] is not None and not is_final,
            "coins spent": series == "derived" and row["lth_spent_native"] is None,
            "issuance": row["issued_native"] is None,
        }
        row["missing"] = ", ".join(name for name, is_lacking in lacks.items() if is_lacking) or None
        row["is_complete"] = row["missing"] is None
        row["lth_net_change_low_native"] = min(changes, default=None)
        row["lth_net_change_high_native"] = max(changes, default=None)
        row["order"] = (row["lth_net_change_native"] is None, not is_final)

    def preference(key: tuple[str, str]) -> tuple:
        series, definition = key
        number = priorities.index(definition) if definition in priorities else len(priorities)
        return rows[key].pop("order"), series != "derived", number, series, definition

    first = min(list(rows), key=preference)
    for key, row in rows.items():
        row["is_preferred"] = key == first
