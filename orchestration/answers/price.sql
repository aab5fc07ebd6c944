-- question: Price: Bitcoin, its 200-day mean and realized price, US$
-- grain: One row per day.
-- shown: chart 100
-- marts: market_price_trend_daily, onchain_value_daily
-- reading: Below the 200-day mean the trend points down; below the realized price the average coin is held at a loss. A
--   line that is missing needs more history than is stored.
-- empty: No prices are stored yet.

with trends as (
    select *
    from marts.market_price_trend_daily
    where asset = 'BTC'
),

-- the venue with most of the newest 180 days; among equals, the first by name
venues as (
    select venue
    from trends
    where price_date > (select max(price_date) from trends) - interval 180 day
    group by venue
    order by count(*) desc, venue
    limit 1
)

select
    trend.price_date as day,
    trend.close_usd as "close",
    trend.sma_200d_usd as "200-day mean",
    worth.realized_price_usd as "realized price"
from trends as trend
inner join venues on trend.venue = venues.venue
left join marts.onchain_value_daily as worth
    on worth.asset = trend.asset and worth.value_date = trend.price_date and worth.network = 'main'
order by day
