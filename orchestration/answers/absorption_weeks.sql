-- question: Funds against long-term holders, BTC: what was issued and let go, and the part of it that funds took in
-- grain: One row per week, series of holders and definition.
-- shown: build 40
-- marts: demand_vs_supply_weekly, etf_market_flows_weekly

with sources as (
    -- the source with most complete weeks; where it has none, with most funds
    select
        source,
        row_number() over (
            order by count(case when is_complete then 1 end) desc, sum(funds_reported) desc, source
        ) as place
    from marts.etf_market_flows_weekly
    where asset = 'BTC'
    group by source
)

select
    demand.week_start_date as week,
    holder_series || ', ' || definition_id as "long-term supply",
    etf_net_flow_native as "funds took in",
    lth_net_change_native as "holders' change",
    issued_native as issued,
    round(absorption_ratio, 3) as absorbed,
    coalesce(missing, '') || case when has_internal_move then ' internal move' else '' end as "missing, flags",
    market.source || ', ' || market.funds_reported || ' of ' || market.funds_expected || ' funds' as "flows by"
from marts.demand_vs_supply_weekly as demand
inner join marts.etf_market_flows_weekly as market
    on
        demand.asset = market.asset
        and demand.flow_source = market.source
        and demand.week_start_date = market.week_start_date
inner join sources on market.source = sources.source and sources.place = 1
where demand.asset = 'BTC' and demand.dating_convention = 'trade_date' and demand.lth_net_change_native is not null
order by week desc, demand.holder_series <> 'derived', demand.holder_series, demand.definition_id
limit 6
