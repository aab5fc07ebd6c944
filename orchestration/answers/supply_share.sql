-- question: Funds hold, share of supply
-- grain: One row per asset.
-- shown: tile 40
-- marts: etf_market_daily, etf_fund_daily
-- reading: Coins of the funds over all coins issued by the end of that day.
-- empty: No holdings of the funds are stored yet.

with known as (
    select *, max(trade_date) over (partition by asset) as newest
    from marts.etf_market_daily
    where held_native is not null
),

holding as (
    select asset, trade_date, count(held_native) as funds
    from marts.etf_fund_daily
    group by asset, trade_date
)

select
    known.asset,
    known.supply_share_pct as "share, %",
    known.held_native as coins,
    known.net_assets_usd / 1e9 as "US$ bn",
    known.trade_date as day,
    holding.funds as reported,
    known.funds_expected as expected,
    case when known.funds_valued < holding.funds
        then 'funds of which coins are known, ' || known.funds_valued || ' of them valued in US$'
        else 'funds valued'
    end as "what",
    known.supply_method as "supply by"
from known
inner join holding on known.asset = holding.asset and known.trade_date = holding.trade_date
where known.trade_date = known.newest
order by known.asset
