-- question: Flows by date: shares of IBIT by two dates, BTC per week
-- grain: One row per week and dating convention.
-- shown: chart 150
-- marts: etf_flows_weekly
-- reading: Dark counts the shares on the day they were traded, grey on the day the issuer counted them, one session
--   later: the two can differ in sign. A pale bar is a week that is not complete.
-- empty: No share counts of IBIT are stored yet.

select
    week_start_date as week,
    dating_convention as dating,
    net_flow_native as "BTC",
    sessions || ' of ' || expected_sessions as sessions,
    is_complete as "is complete"
from marts.etf_flows_weekly
where
    ticker = 'IBIT' and source = 'issuer' and net_flow_native is not null
order by week, dating desc
