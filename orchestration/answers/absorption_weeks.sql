-- question: Funds against long-term holders, BTC: what was issued and let go, and the part of it that funds took in
-- grain: One row per week, series of holders and definition.
-- shown: build 40
-- marts: demand_vs_supply_weekly

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
