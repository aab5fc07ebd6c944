-- question: In which weeks did the funds take in, or give out, more than 10,000 BTC?
-- grain: One row per week.
-- shown: example 60
-- marts: etf_fund_weekly

select week_start_date, sum(net_flow_native) as coins, sum(net_flow_usd) / 1e6 as usd_m, bool_and(is_complete) as is_complete
from marts.etf_fund_weekly
where asset = 'BTC'
group by week_start_date
having abs(sum(net_flow_native)) > 10000
order by week_start_date desc;
