-- question: Who let go, who took in, and how much of it did funds absorb?
-- grain: One row per week, series of holders, definition and convention.
-- shown: example 210
-- marts: demand_vs_supply_weekly

select
    week_start_date, holder_series, definition_id, etf_net_flow_native, lth_net_change_native, lth_spent_native,
    issued_native, absorption_ratio, missing, has_internal_move
from marts.demand_vs_supply_weekly
where asset = 'BTC' and flow_source = 'farside'
order by week_start_date desc, holder_series, definition_id;
