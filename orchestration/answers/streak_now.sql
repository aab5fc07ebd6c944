-- question: The run of sessions with the same sign
-- grain: One row per asset.
-- shown: report
-- marts: etf_market_daily
-- reading: Reported is the smallest number of funds on one of its sessions.
-- empty: No session of the funds is complete yet.

with known as (
    select
        *,
        first_value(flow_streak_sessions) over newest_first as streak,
        row_number() over newest_first as place
    from marts.etf_market_daily
    where flow_streak_sessions is not null
    window newest_first as (partition by asset order by trade_date desc)
)

select
    asset,
    max(trade_date) as day,
    max(streak) as sessions,
    min(funds_reported) as reported,
    max(funds_expected) as expected
from known
where place <= greatest(abs(streak), 1)
group by asset
order by asset
