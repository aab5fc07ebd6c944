-- question: How large is each fund, and what is its share of the market?
-- grain: One row per fund.
-- shown: example 40
-- marts: etf_fund_daily

select
    ticker,
    max(trade_date) as as_of,
    max_by(net_assets_usd, trade_date) / 1e9 as usd_bn,
    max_by(market_share_pct, trade_date) as share_pct
from marts.etf_fund_daily
where asset = 'BTC' and market_share_pct is not null
group by ticker
order by usd_bn desc;
