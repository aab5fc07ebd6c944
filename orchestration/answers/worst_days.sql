-- question: Which were the five worst days of the Bitcoin funds?
-- grain: One row per session.
-- shown: example 20
-- marts: etf_market_daily

select trade_date, net_flow_usd / 1e6 as usd_m, net_flow_native, funds_reported, funds_expected
from marts.etf_market_daily
where asset = 'BTC'
order by net_flow_usd
limit 5;
