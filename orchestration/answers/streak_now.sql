-- question: The run of sessions with the same sign
-- grain: One row per asset.
-- shown: report
-- marts: etf_market_daily
-- empty: No session of the funds is complete yet.

with known as (
    select *, max(trade_date) over (partition by asset) as newest
    from marts.etf_market_daily
    where flow_streak_sessions is not null
)

select asset, trade_date as day, flow_streak_sessions as sessions
from known
where trade_date = newest
order by asset
