-- question: Week: what all funds took in, session by session
-- grain: One row per session, the last five with a report and those that are still without.
-- shown: show 10
-- marts: etf_market_daily
-- reading: Net creations of all US spot funds by trade date; days are sessions, and a streak counts those of one sign.
-- empty: No session of its funds is stored yet: `flowhouse build` reads a publisher's page.

select
    trade_date as session,
    net_flow_usd / 1e6 as "US$ m",
    net_flow_native as coins,
    flow_streak_sessions as streak,
    flow_5d_usd / 1e6 as "5 days",
    case when missing_before <= 1 then round(cumulative_flow_usd / 1e9, 3) end as "total, bn",
    case
        when is_complete then null
        when funds_reported < funds_expected
            then (funds_expected - funds_reported) || ' of ' || funds_expected || ' funds'
        else 'the close'
    end as missing,
    max(case when net_flow_usd is not null then trade_date end) over () as "as of"
from (
    select
        *,
        count(net_flow_usd) over (order by trade_date desc) as reported_since,
        min(cumulative_missing) over () as missing_before
    from marts.etf_market_daily
    where asset = ?
) as sessions
where reported_since <= 5
order by trade_date
