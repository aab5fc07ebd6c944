"""Answers as queries on the published marts: those a build ends with, and the claims ledger."""

QUERIES = {
    "IBIT, last complete weeks: the same shares by the date of the trade and by the date of the count": """
        select
            week_start_date as week,
            max(case when source = 'farside' then net_flow_usd end) / 1e6 as "US$ m",
            coalesce(
                max(case when source = 'issuer' and dating_convention = 'trade_date' then net_flow_native end),
                max(case when source = 'farside' then net_flow_native end)
            ) as "BTC by trade date",
            max(case when source = 'issuer' and dating_convention = 'as_of_date' then net_flow_native end)
                as "BTC by as-of date"
        from marts.etf_flows_weekly
        where ticker = 'IBIT' and is_complete
        group by week_start_date
        order by week_start_date desc
        limit 4
    """,
    "All US spot funds, last complete weeks by trade date": """
        select
            week_start_date as week,
            asset,
            net_flow_usd / 1e6 as "US$ m",
            net_flow_native as coins,
            funds_reported || ' of ' || funds_expected as funds
        from marts.etf_market_flows_weekly
        where source = 'farside' and is_complete
        order by week_start_date desc, asset
        limit 4
    """,
    "Long-term holders, whole weeks: coins spent, and the change of their supply": """
        select
            cast(date_trunc('week', value_date) as date) as week,
            network || case when network = 'regtest' then ', simulated' else '' end as network,
            series,
            definition_id as definition,
            sum(spent_native) as "BTC spent",
            sum(net_change_native) as "BTC net change"
        from marts.onchain_lth_flows_daily
        where asset = 'BTC' and definition_id = 'age_155d_step'
        group by all
        having count(*) = 7
        order by week desc, network, series
        limit 6
    """,
    "Funds against long-term holders, BTC: what was issued and let go, and the part of it that funds took in": """
        select
            week_start_date as week,
            holder_series || ', ' || definition_id as "long-term supply",
            etf_net_flow_native as "funds took in",
            lth_net_change_native as "holders' change",
            issued_native as issued,
            round(absorption_ratio, 3) as absorbed,
            coalesce(missing, '') || case when has_internal_move then ' internal move' else '' end as "missing, flags"
        from marts.demand_vs_supply_weekly
        where asset = 'BTC' and flow_source = 'farside' and lth_net_change_native is not null
        order by week_start_date desc, holder_series, definition_id
        limit 6
    """,
}

CLAIMS = """
    select
        claim_id as claim,
        quote,
        observed_value as observed,
        unit,
        verdict,
        rows_used as rows,
        rows_expected as "of",
        as_of as "as of"
    from marts.claims
    order by claim_id
"""

CHECKS_OF_A_CLAIM = """
    select
        check_id as "check",
        coalesce(convention, reason) as convention,
        "window",
        observed_value as observed,
        unit,
        verdict,
        rows_used as rows,
        rows_expected as "of",
        as_of as "as of"
    from marts.claim_checks
    where lower(claim_id) = lower(?)
    order by check_id
"""
