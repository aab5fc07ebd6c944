-- question: What did all the funds do, week by week, and is the week complete?
-- grain: One row per week.
-- shown: example 220
-- marts: etf_market_flows_weekly

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
    week_start_date, net_flow_usd / 1e6 as usd_m, net_flow_native, funds_reported, funds_expected, is_complete, source
from marts.etf_market_flows_weekly
where asset = 'BTC' and source = (select source from sources where place = 1)
order by week_start_date desc;
