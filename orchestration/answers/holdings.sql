-- question: Holdings: coins of US spot funds after each session
-- grain: One row per fund and session.
-- shown: chart 40
-- marts: etf_fund_daily, etf_market_daily
-- reading: Coins from filings, counts of shares or the chain, carried from one to the next by flows less fees. A fund
--   without an anchor is missing.
-- empty: No holdings of funds are stored yet.

with valued as (
    select
        asset,
        trade_date,
        funds_valued,
        max(funds_valued) over (partition by asset order by trade_date rows 9 preceding) as most_valued
    from marts.etf_market_daily
),

-- a newer day may have the holdings of the first funds that reported alone
newest as (
    select asset, max(trade_date) as trade_date
    from valued
    where funds_valued = most_valued
    group by asset
)

select
    fund.asset,
    fund.trade_date as session,
    fund.ticker as fund,
    fund.held_native as coins
from marts.etf_fund_daily as fund
inner join newest on fund.asset = newest.asset and fund.trade_date <= newest.trade_date
where fund.held_native is not null
order by
    max(fund.net_assets_usd) over (partition by fund.asset) desc nulls last, fund.asset,
    max(fund.held_native) over (partition by fund.ticker) desc, fund.ticker, session
