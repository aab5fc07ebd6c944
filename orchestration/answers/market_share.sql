-- question: Market share: of the net assets of US spot funds, %
-- grain: One row per fund and session.
-- shown: chart 50
-- marts: etf_fund_daily, etf_market_daily
-- reading: Among the funds whose assets are known that day; together they are 100 %.
-- empty: No net assets of funds are stored yet.

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
    fund.market_share_pct as "% of net assets"
from marts.etf_fund_daily as fund
inner join newest on fund.asset = newest.asset and fund.trade_date <= newest.trade_date
where fund.market_share_pct is not null
order by
    max(fund.net_assets_usd) over (partition by fund.asset) desc nulls last, fund.asset,
    max(fund.held_native) over (partition by fund.ticker) desc nulls last, fund.ticker, session
