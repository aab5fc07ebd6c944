-- question: Thirty days of long-term holders against thirty days of funds: who sold, who bought, and how sure is it?
-- grain: One row per day.
-- shown: example 80
-- marts: demand_vs_supply_daily

select
    value_date, etf_net_flow_native, lth_net_change_native, lth_net_change_low_native, lth_net_change_high_native,
    issued_native, apparent_demand_native, holder_series, definition_id, is_complete, missing, has_internal_move
from marts.demand_vs_supply_daily
where asset = 'BTC' and window_days = 30 and is_preferred
order by value_date desc
limit 30;
