with snapshots as (
    select * from {{ ref('int_market__depth') }}
),

days as ({{ depth_by('value_date') }}),

-- Both sides stand still where one of them does.
still as (
    select
        asset,
        venue,
        value_date,
        band_pct,
        max(case when 100 * distinct_values < snapshots then 1 else 0 end) as is_any,
        max(case when side = 'bid' and 100 * distinct_values < snapshots then 1 else 0 end) as is_bid,
        max(case when side = 'ask' and 100 * distinct_values < snapshots then 1 else 0 end) as is_ask
    from days
    group by asset, venue, value_date, band_pct
),

flagged as (
    select
        days.*,
        case days.side when 'bid' then still.is_bid when 'ask' then still.is_ask else still.is_any end = 1 as is_frozen
    from days
    inner join still
        on
            days.asset = still.asset
            and days.venue = still.venue
            and days.value_date = still.value_date
            and days.band_pct = still.band_pct
),

-- At least half of the 30 days before, without those that stand still.
before as (
    select
        days.asset,
        days.venue,
        days.value_date,
        days.band_pct,
        days.side,
        percentile_cont(0.5e0) within group (order by earlier.median_notional_usd) as median_30d_before_usd
    from flagged as days
    inner join flagged as earlier
        on
            days.asset = earlier.asset
            and days.venue = earlier.venue
            and days.band_pct = earlier.band_pct
            and days.side = earlier.side
            and earlier.value_date < days.value_date
            and earlier.value_date >= {{ add_days('days.value_date', -30) }}
    where not earlier.is_frozen
    group by days.asset, days.venue, days.value_date, days.band_pct, days.side
    having count(*) >= 15
)

select
    days.asset,
    days.venue,
    days.value_date,
    days.band_pct,
    days.side,
    days.median_notional_usd,
    days.min_notional_usd,
    days.min_at,
    days.snapshots,
    2880 as expected_snapshots,
    days.is_frozen,
    before.median_30d_before_usd
from flagged as days
left join before
    on
        days.asset = before.asset
        and days.venue = before.venue
        and days.value_date = before.value_date
        and days.band_pct = before.band_pct
        and days.side = before.side
