-- question: Cumulative flows: US spot funds, US$ bn
-- grain: One row per fund and session, and per session one of all funds together.
-- shown: chart 30
-- marts: etf_fund_daily, etf_market_daily
-- reading: The sum of a fund's flows from its first session on or, where earlier ones are not stored, from the first
--   that is. Coins that a trust held before it became a fund are no flow: so GBTC and ETHE fall below zero.
-- empty: No daily flows of funds are stored yet: run `flowhouse build --live` or replay an archive.

with flows as (
    select asset, trade_date, 'All funds' as fund, 0 as place, cumulative_flow_usd
    from marts.etf_market_daily
    union all
    select asset, trade_date, ticker, 1, cumulative_flow_usd
    from marts.etf_fund_daily
)

select
    asset,
    trade_date as session,
    fund,
    cumulative_flow_usd / 1e9 as "US$ bn"
from flows
where cumulative_flow_usd is not null
order by
    max(abs(cumulative_flow_usd)) over (partition by asset) desc, asset, place,
    max(abs(cumulative_flow_usd)) over (partition by asset, fund) desc, fund, session
