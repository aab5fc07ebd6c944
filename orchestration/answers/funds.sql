-- question: All funds: flows, streaks, ranks and holdings
-- grain: One row per fund.
-- shown: table 10
-- marts: etf_fund_daily, funds
-- reading: After the newest session with a number for each fund. The rank is by the flow of that session; the sum
--   since launch is told where all sessions since are stored; the error is how far coins carried from one filing to the
--   next missed it.
-- empty: No daily flows of funds are stored yet.

with known as (
    select
        *,
        max(trade_date) over (partition by ticker) as newest,
        min(cumulative_missing) over (partition by ticker) as missing_before
    from marts.etf_fund_daily
    where net_flow_usd is not null
)

select
    known.asset,
    known.ticker as fund,
    known.trade_date as session,
    known.net_flow_usd / 1e6 as "flow, US$ m",
    known.flow_5d_usd / 1e6 as "5 sessions",
    known.flow_20d_usd / 1e6 as "20 sessions",
    known.flow_streak_sessions as streak,
    known.day_rank as "rank",
    case when known.missing_before <= 1 then known.cumulative_flow_usd / 1e9 end as "since launch, US$ bn",
    known.held_native as "coins held",
    known.net_assets_usd / 1e9 as "assets, US$ bn",
    known.market_share_pct as "share, %",
    funds.fee_bps as "fee, bps",
    known.held_error_bps as "error, bps",
    known.flow_source as source
from known
left join marts.funds on known.ticker = funds.ticker
where known.trade_date = known.newest
order by known.asset, known.net_assets_usd desc nulls last, known.ticker
