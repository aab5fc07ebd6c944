-- question: Long-term holders, 30 days
-- grain: One row per asset.
-- shown: tile 30
-- marts: demand_vs_supply_daily
-- reading: Change of the supply of long-term holders; not all coins that leave it are sold.
-- empty: No supply of long-term holders over 30 days is stored: `flowhouse ingest bitcoin` reads a node.

with known as (
    select *, max(value_date) over (partition by asset) as newest
    from marts.demand_vs_supply_daily
    where window_days = 30 and is_preferred and lth_net_change_native is not null
)

select
    asset,
    lth_net_change_native as coins,
    lth_net_change_low_native as low,
    lth_net_change_high_native as high,
    value_date - 29 as since,
    value_date as day,
    case when missing like '%final days%' then 'its last days may still change' end as missing,
    has_internal_move as "internal move",
    lth_net_change_adjusted_low_native as "without moves, low",
    lth_net_change_adjusted_high_native as "without moves, high",
    etf_net_flow_native as "funds took in",
    holder_series as series,
    definition_id as definition
from known
where value_date = newest
order by asset
