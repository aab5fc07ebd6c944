"""What the report says first: the last complete week of the funds, and what long-term holders did in it."""

from collections.abc import Sequence
from datetime import date, timedelta

from orchestration.publishing.report.formatting import amount, day
from orchestration.publishing.report.sections import Answer, Section

_WEEK = """
with newest as (
    select max(week_start_date) as week_start_date
    from marts.etf_market_flows_weekly
    where asset = 'BTC' and source = 'farside' and is_complete
)
"""

HEADLINES = (
    Section(
        "funds",
        "All US spot funds",
        "Net flow of the last complete week, by trade date.",
        ("etf_market_flows_weekly",),
        """
with complete as (
    select *, max(week_start_date) over (partition by asset) as newest
    from marts.etf_market_flows_weekly
    where source = 'farside' and is_complete
)

select
    week_start_date as week,
    asset,
    net_flow_native as coins,
    net_flow_usd / 1e6 as "US$ m",
    funds_reported || ' of ' || funds_expected as "funds reported"
from complete
where week_start_date = newest
order by asset
""",
        "No week of the funds is complete yet.",
    ),
    Section(
        "ibit",
        "IBIT by two dates",
        "The same shares by the date of the trade, and by the date on which the issuer counts them, a session later.",
        ("etf_flows_weekly", "etf_market_flows_weekly"),
        f"""{_WEEK}
select
    week_start_date as week,
    dating_convention as dating,
    net_flow_native as "BTC",
    net_flow_usd / 1e6 as "US$ m",
    source,
    is_complete as complete
from marts.etf_flows_weekly
where ticker = 'IBIT' and week_start_date = (select week_start_date from newest)
order by dating desc, source
""",
        "No complete week of IBIT is held yet.",
    ),
    Section(
        "holders",
        "Long-term holders, the same week",
        "Net change of supply, and coins spent. Gross of internal moves: value of coins moved, not sale proceeds.",
        ("onchain_lth_flows_daily", "etf_market_flows_weekly"),
        f"""{_WEEK}
select
    network,
    sum(net_change_native) as "net change, BTC",
    sum(spent_native) as "spent, BTC",
    sum(spent_usd) / 1e6 as "spent, US$ m",
    series,
    definition_id as definition,
    count(net_change_native) || ' of 7' as days
from marts.onchain_lth_flows_daily
where
    asset = 'BTC'
    and value_date between (select week_start_date from newest) and (select week_start_date + 6 from newest)
group by network, series, definition
order by network, series <> 'derived', series, definition
""",
        "No supply of long-term holders is held for that week.",
    ),
    Section(
        "absorption",
        "Share of supply that funds absorbed",
        "Flow of the funds over what was issued and let go: 1 means that they took all of it, below 0 that they let go"
        " too. There is no share where holders took up all that was issued. Net counts coins that came of age; gross"
        " does not.",
        ("demand_vs_supply_weekly", "etf_market_flows_weekly"),
        f"""{_WEEK}
select
    week_start_date as week,
    absorption_ratio as net,
    absorption_ratio_gross as gross,
    coalesce(missing, 'nothing') as missing,
    has_internal_move as "internal move",
    dating_convention as dating,
    holder_series as series,
    definition_id as definition
from marts.demand_vs_supply_weekly
where asset = 'BTC' and flow_source = 'farside' and week_start_date = (select week_start_date from newest)
order by series <> 'derived', series, definition, dating desc
""",
        "No week has both flows of funds and a supply of long-term holders yet.",
    ),
)


def sentence(answers: Sequence[Answer]) -> str:
    """Who was selling and who was buying in the last complete week, in words; regtest never counts."""
    found = {answer.section.name: answer.records for answer in answers}
    funds = next((row for row in found["funds"] if row["asset"] == "BTC"), None)
    if funds is None:
        return "No week of the US spot Bitcoin funds is complete yet: nobody can be named a buyer or a seller."
    monday = date.fromisoformat(funds["week"])
    said = f"In the week of {day(monday)} to {day(monday + timedelta(days=6))}, US spot Bitcoin funds"
    said += f" {_moved(funds['coins'], 'took in', 'gave back')} (US$ {amount(funds['US$ m'])} m)"
    whole = (row for row in found["holders"] if row["network"] == "main" and row["days"] == "7 of 7")
    if holders := next(whole, None):
        said += f", and the supply of long-term holders {_moved(holders['net change, BTC'], 'rose by', 'fell by')}"
        said += f" ({holders['series']}, {holders['definition']})"
        if any(row["internal move"] for row in found["absorption"]):
            said += ", touched by a known internal move that was no sale"
    return f"{said}."


def _moved(coins: float | None, up: str, down: str) -> str:
    if coins is None:
        return "moved an amount of coins that is not known"
    return f"{up if coins >= 0 else down} {amount(abs(coins))} BTC"
