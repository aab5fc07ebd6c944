-- question: Cost basis: BTC by the price at which they last moved
-- grain: One row per range of US$ 5,000.
-- shown: chart 110
-- marts: onchain_cost_basis
-- reading: Each bar is the coins that last moved at prices in that range of US$ 5,000. Coins that moved before there
--   was a price are left out.
-- empty: No chain is stored yet: `flowhouse ingest bitcoin` reads a node.

with shown as (
    select *, max(value_date) over () as newest
    from marts.onchain_cost_basis
    where asset = 'BTC' and network = (select min(network) from marts.onchain_cost_basis where asset = 'BTC')
)

select
    floor(price_bucket_usd / 5000) * 5000 as "US$ from",
    sum(supply_native) as "BTC",
    network,
    value_date as day
from shown
where value_date = newest and price_bucket_usd > 0
group by "US$ from", network, day
order by "US$ from"
