-- question: Which fund took in most, week by week?
-- grain: One row per week and fund of the first three ranks.
-- shown: example 100
-- marts: etf_fund_weekly

select week_start_date, week_rank, ticker, net_flow_usd / 1e6 as usd_m, net_flow_native
from marts.etf_fund_weekly
where asset = 'BTC' and week_rank <= 3
order by week_start_date desc, week_rank, ticker;
