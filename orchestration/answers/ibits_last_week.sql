-- question: What did IBIT take in last week?
-- grain: One row per week.
-- shown: example 10
-- marts: etf_fund_weekly

select
    week_start_date, net_flow_usd / 1e6 as usd_m, net_flow_native, week_rank, sessions, expected_sessions, is_complete,
    flow_source
from marts.etf_fund_weekly
where ticker = 'IBIT'
order by week_start_date desc
limit 4;
