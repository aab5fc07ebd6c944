with cells as (
    {{ newest_cells(ref('int_market__price_observations'), 'source, asset, venue, value_date, metric', none) }}
),

mapped as (
    select
        valuation.asset,
        valuation.network,
        cells.value_date,
        cells.value as close_usd,
        row_number() over (
            partition by valuation.asset, valuation.network, cells.value_date
            order by valuation.priority, cells.venue, cells.source
        ) as first_choice
    from {{ ref('valuation_prices') }} as valuation
    inner join cells
        on
            valuation.price_asset = cells.asset
            and (valuation.venue = cells.venue or valuation.venue = '*')
            and cells.value_date >= coalesce(valuation.first_date, cells.value_date)
            and cells.value_date <= coalesce(valuation.last_date, cells.value_date)
    where cells.metric = 'close_usd' and cells.value is not null
),

dates as (
    select
        asset,
        network,
        value_date
    from {{ ref('int_onchain__days') }}
    union
    select
        asset,
        network,
        birth_date as value_date
    from {{ ref('stg_bitcoin__coin_created') }}
    union
    select
        asset,
        network,
        value_date
    from mapped
),

closes as (
    select
        dates.*,
        case
            when dates.value_date < {{ first_market_date() }} then 0
            else mapped.close_usd
        end as close_usd
    from dates
    left join mapped
        on
            dates.asset = mapped.asset
            and dates.network = mapped.network
            and dates.value_date = mapped.value_date
            and mapped.first_choice = 1
),

scaled as (
    select
        *,
        -- Eight digits: with more, the value of 1e28 units, ten billion coins of 18 digits, would not fit.
        cast(close_usd as decimal(38, 8)) as close_fixed,
        cast(cast(close_usd as decimal(38, 12)) * 1000000000000 as decimal(38, 0)) as close_e12
    from closes
),

-- The unit of the price's third significant digit.
floored as (
    select
        *,
        cast('1' || repeat('0', greatest(length(cast(close_e12 as string)) - 3, 0)) as decimal(38, 0)) as step
    from scaled
)

select
    asset,
    network,
    value_date,
    close_usd,
    -- In fixed point, running sums of values stay exact when coins leave them.
    close_fixed,
    coalesce(cast(close_e12 - mod(close_e12, step) as double) / 1e12, -1) as price_bucket_usd
from floored
