-- question: Who let go, who took in, and how much of it did funds absorb?
-- grain: One row per week, series of holders, definition and convention.
-- shown: example 210
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
    week_start_date, holder_series, definition_id, etf_net_flow_native, lth_net_change_native, lth_spent_native,
    issued_native, absorption_ratio, missing, has_internal_move,
    flow_source, dating_convention
from marts.demand_vs_supply_weekly
where asset = 'BTC' and flow_source = (select source from sources where place = 1)
order by week_start_date desc, holder_series, definition_id, dating_convention desc;
