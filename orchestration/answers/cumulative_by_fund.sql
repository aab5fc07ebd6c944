-- question: What has each fund taken in since it began?
-- grain: One row per fund.
-- shown: example 30
-- marts: etf_fund_daily

select
    ticker,
    max(trade_date) as as_of,
    max_by(cumulative_flow_usd, trade_date) / 1e9 as usd_bn,
    max_by(cumulative_flow_native, trade_date) as coins,
    max_by(cumulative_missing, trade_date) as sessions_missing
from marts.etf_fund_daily
where asset = 'BTC'
group by ticker
order by usd_bn desc;
