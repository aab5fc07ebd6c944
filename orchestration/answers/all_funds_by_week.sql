-- question: What did all the funds do, week by week, and is the week complete?
-- grain: One row per week.
-- shown: example 220
-- marts: etf_market_flows_weekly

select week_start_date, net_flow_usd / 1e6 as usd_m, net_flow_native, funds_reported, funds_expected, is_complete
from marts.etf_market_flows_weekly
where asset = 'BTC' and source = 'farside'
order by week_start_date desc;
