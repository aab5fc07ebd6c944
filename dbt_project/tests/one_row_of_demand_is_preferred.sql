{{ config(meta={'dagster': {'ref': {'name': 'demand_vs_supply_daily'}}}) }}
-- Of each asset, day and window one row is to be read, within the band; what the chain says is the same on all.
select
    asset,
    value_date,
    window_days
from {{ ref('demand_vs_supply_daily') }}
group by asset, value_date, window_days
having
    sum(case when is_preferred then 1 else 0 end) <> 1
    or min(apparent_demand_native) < max(apparent_demand_native)
    or max(case when lth_net_change_native < lth_net_change_low_native then 1 else 0 end) = 1
    or max(case when lth_net_change_native > lth_net_change_high_native then 1 else 0 end) = 1
