-- question: Daily flows: US spot funds, US$ m per session
-- grain: One row per fund and session, and per session one of all funds together.
-- shown: chart 10
-- marts: etf_fund_daily, etf_market_daily
-- reading: Blue is money in, orange money out, by trade date. A pale bar is a session that some fund has not reported yet.
-- empty: No daily flows of funds are stored yet: run `flowhouse build --live` or replay an archive.

with flows as (
    select asset, trade_date, 'All funds' as fund, 0 as place, net_flow_usd, is_complete
    from marts.etf_market_daily
    union all
    select asset, trade_date, ticker, 1, net_flow_usd, is_reported
    from marts.etf_fund_daily
)

select
    asset,
    trade_date as session,
    fund,
    net_flow_usd / 1e6 as "US$ m",
    is_complete as "is complete"
from flows
where net_flow_usd is not null
order by
    sum(abs(net_flow_usd)) over (partition by asset) desc, asset, place,
    sum(abs(net_flow_usd)) over (partition by asset, fund) desc, fund, session
