-- question: Funds: flows and holdings after the newest session with a report
-- grain: One row per fund, the largest first.
-- shown: show 30
-- marts: etf_fund_daily
-- reading: By trade date, from the source that is preferred for the session; days are sessions.
-- empty: No fund of it has reported yet: `flowhouse build` reads a publisher's page.

with newest as (
    select
        asset,
        max(trade_date) as trade_date
    from marts.etf_fund_daily
    where asset = ? and is_reported
    group by asset
),

-- a total says something where the sessions since the fund began are stored
started as (
    select
        ticker,
        min(cumulative_missing) as missing_before
    from marts.etf_fund_daily
    group by ticker
)

select
    funds.ticker as fund,
    round(funds.net_flow_usd / 1e6, 3) as "US$ m",
    round(funds.flow_20d_usd / 1e6, 3) as "20 days",
    case when started.missing_before <= 1 then round(funds.cumulative_flow_usd / 1e9, 3) end as "total, bn",
    funds.flow_streak_sessions as streak,
    funds.held_native as "coins held",
    round(funds.net_assets_usd / 1e9, 3) as "US$ bn",
    round(funds.market_share_pct, 2) as "share, %",
    case when not funds.is_reported then 'flow' end as missing,
    funds.trade_date as "as of"
from marts.etf_fund_daily as funds
left join started on funds.ticker = started.ticker
inner join newest on funds.asset = newest.asset and funds.trade_date = newest.trade_date
order by funds.net_assets_usd is null, funds.net_assets_usd desc, funds.ticker
