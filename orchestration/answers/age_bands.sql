-- question: Age of coins: share of supply by time since the last move
-- grain: One row per month end and age, and per age one of the newest day.
-- shown: chart 120
-- marts: onchain_age_bands_daily
-- reading: Youngest on top, oldest at the foot, at the ends of months: where the older parts shrink, old coins moved.
-- empty: No chain is stored yet: `flowhouse ingest bitcoin` reads a node.

with shown as (
    select *, max(value_date) over () as newest
    from marts.onchain_age_bands_daily
    where asset = 'BTC' and network = (select min(network) from marts.onchain_age_bands_daily where asset = 'BTC')
)

select
    value_date as day,
    case
        when age_band in ('0d', '1d-1w') then 'to 1 week'
        when age_band = '1w-1m' then 'to 1 month'
        when age_band in ('1m-3m', '3m-6m') then 'to 6 months'
        when age_band = '6m-1y' then 'to 1 year'
        when age_band in ('1y-2y', '2y-3y') then 'to 3 years'
        else 'older'
    end as age,
    network,
    sum(supply_native) as "BTC"
from shown
where value_date = newest or value_date = last_day(value_date)
group by day, age, network
having sum(supply_native) > 0
order by day, age
