-- question: Funds hold, share of supply
-- grain: One row per asset.
-- shown: tile 40
-- marts: etf_market_daily
-- reading: Coins of the funds over all coins issued by the end of that day.
-- empty: No holdings of the funds are stored yet.

with known as (
    select *, max(trade_date) over (partition by asset) as newest
    from marts.etf_market_daily
    where held_native is not null
)

select
    asset,
    supply_share_pct as "share, %",
    held_native as coins,
    net_assets_usd / 1e9 as "US$ bn",
    trade_date as day,
    funds_valued as reported,
    funds_expected as expected,
    'funds valued' as "what",
    supply_method as "supply by"
from known
where trade_date = newest
order by asset
