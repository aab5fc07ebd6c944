-- Spark plans all of a view anew wherever it is read.
{{ config(materialized='table' if target.type == 'spark' else 'view') }}

with served as (
    select * from {{ ref('stg_binance_depth__depth') }}
),

-- A day has 28,800 rows, and nearly every one comes from one file: only the others are put in order.
files as (
    select
        asset,
        venue,
        contract,
        value_date,
        min(archive_sha256) = max(archive_sha256) as is_of_one_file
    from served
    group by asset, venue, contract, value_date
),

replaced as (
    select served.*
    from served
    inner join files
        on
            served.asset = files.asset
            and served.venue = files.venue
            and served.contract = files.contract
            and served.value_date = files.value_date
    where not files.is_of_one_file
),

newest as (
    {{ newest_rows('replaced', 'asset, venue, contract, band_pct, side, snapshot_at') }}
),

bands as (
    select
        served.asset,
        served.venue,
        served.contract,
        served.band_pct,
        served.side,
        served.snapshot_at,
        served.value_date,
        served.depth_native,
        served.notional_usd
    from served
    inner join files
        on
            served.asset = files.asset
            and served.venue = files.venue
            and served.contract = files.contract
            and served.value_date = files.value_date
    where files.is_of_one_file
    union all
    select
        asset,
        venue,
        contract,
        band_pct,
        side,
        snapshot_at,
        value_date,
        depth_native,
        notional_usd
    from newest
),

known as (
    select * from bands
    where notional_usd is not null
)

select * from known
union all
select
    bids.asset,
    bids.venue,
    bids.contract,
    bids.band_pct,
    'both' as side,
    bids.snapshot_at,
    bids.value_date,
    bids.depth_native + asks.depth_native as depth_native,
    bids.notional_usd + asks.notional_usd as notional_usd
from known as bids
inner join known as asks
    on
        bids.asset = asks.asset
        and bids.venue = asks.venue
        and bids.contract = asks.contract
        and bids.band_pct = asks.band_pct
        and bids.snapshot_at = asks.snapshot_at
where bids.side = 'bid' and asks.side = 'ask'
