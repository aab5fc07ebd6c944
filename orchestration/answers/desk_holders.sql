-- question: Holders: what funds took in, long-term holders let go, and miners issued
-- grain: One row per window of days up to the newest day with a known change of long-term supply.
-- shown: show 40
-- marts: demand_vs_supply_daily
-- reading: Coins. The change is by the preferred definition, low and high are those of all; what is spent and apparent
--   demand (issuance less the change of supply idle for a year) need a node.
-- empty: No supply of its long-term holders is stored; of Bitcoin, `flowhouse ingest bitcoin` reads a node.

with newest as (
    select
        asset,
        max(value_date) as value_date
    from marts.demand_vs_supply_daily
    where asset = ? and window_days = 1 and lth_net_change_native is not null
    group by asset
)

select
    demand.window_days as days,
    demand.etf_net_flow_native as "funds took in",
    demand.lth_net_change_native as "holders' change",
    demand.lth_net_change_low_native as "by the lowest definition",
    demand.lth_net_change_high_native as "by the highest definition",
    demand.lth_spent_native as "holders spent",
    demand.issued_native as issued,
    demand.apparent_demand_native as "apparent demand",
    demand.holder_series || ', ' || demand.definition_id as series,
    demand.has_internal_move as "internal move",
    demand.missing,
    demand.value_date as "as of"
from marts.demand_vs_supply_daily as demand
inner join newest on demand.asset = newest.asset and demand.value_date = newest.value_date
where demand.is_preferred
order by demand.window_days
