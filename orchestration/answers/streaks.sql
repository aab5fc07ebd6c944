-- question: Streaks: sessions in a row with the same sign
-- grain: One row per fund and session, and per session one of all funds together.
-- shown: chart 60
-- marts: etf_fund_daily, etf_market_daily
-- reading: A blue bar is as high as the run of inflows is long by then, an orange one as deep as that of outflows. A
--   session without a flow ends both.
-- empty: No daily flows of funds are stored yet: run `flowhouse build --live` or replay an archive.

with streaks as (
    select asset, trade_date, 'All funds' as fund, 0 as place, flow_streak_sessions, net_flow_usd
    from marts.etf_market_daily
    union all
    select asset, trade_date, ticker, 1, flow_streak_sessions, net_flow_usd
    from marts.etf_fund_daily
)

select
    asset,
    trade_date as session,
    fund,
    flow_streak_sessions as sessions
from streaks
where flow_streak_sessions is not null
order by
    sum(abs(net_flow_usd)) over (partition by asset) desc, asset, place,
    sum(abs(net_flow_usd)) over (partition by asset, fund) desc, fund, session
