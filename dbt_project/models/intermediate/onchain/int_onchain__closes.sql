with cells as (
    {{ newest_cells(ref('int_market__price_observations'), 'source, asset, venue, value_date, metric', none) }}
),

-- As marts.market_price_disputes has them.
disputed as (
    select distinct
        one.asset,
        one.venue,
        one.value_date
    from cells as one
    inner join cells as other
        on
            one.asset = other.asset
            and one.value_date = other.value_date
            and one.venue <> other.venue
            and one.metric = 'close_usd'
            and other.metric = 'close_usd'
    where {{ are_disputed('one.value', 'other.value') }}
),

mapped as (
    select
        valuation.asset,
        valuation.network,
        cells.value_date,
        cells.value as close_usd,
        row_number() over (
            partition by valuation.asset, valuation.network, cells.value_date
            order by valuation.priority, coalesce(price_sources.priority, 2), cells.venue, cells.source
        ) as first_choice,
        disputed.asset is not null as is_disputed
    from {{ ref('valuation_prices') }} as valuation
    inner join cells
        on
            valuation.price_asset = cells.asset
            and (valuation.venue = cells.venue or valuation.venue = '*')
            and cells.value_date >= coalesce(valuation.first_date, cells.value_date)
            and cells.value_date <= coalesce(valuation.last_date, cells.value_date)
    left join {{ ref('price_sources') }} as price_sources on cells.venue = price_sources.venue
    left join disputed
        on cells.asset = disputed.asset and cells.venue = disputed.venue and cells.value_date = disputed.value_date
    where
        cells.metric = 'close_usd'
        and cells.value is not null
        and coalesce(price_sources.is_used_alone, true)
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

known as (
    select
        dates.*,
        case
            when dates.value_date < {{ first_market_date() }} then 0
            else mapped.close_usd
        end as close_usd,
        coalesce(mapped.is_disputed, false) and dates.value_date >= {{ first_market_date() }} as is_disputed
    from dates
    left join mapped
        on
            dates.asset = mapped.asset
            and dates.network = mapped.network
            and dates.value_date = mapped.value_date
            and mapped.first_choice = 1
),

-- A day without a close belongs to the gap that begins with the last one that has one.
gaps as (
    select
        *,
        max(case when close_usd is not null then value_date end) over (
            partition by asset, network order by value_date rows between unbounded preceding and current row
        ) as close_date
    from known
),

closes as (
    select
        asset,
        network,
        value_date,
        close_date,
        close_usd is null and close_date is not null as is_gap,
        -- Known ones are repeated over gaps of so many days and fewer, never back to days before them.
        case
            when {{ days_between('close_date', 'max(value_date) over of_gap') }} <= {{ carried_days() }}
                then max(close_usd) over of_gap
            else close_usd
        end as close_usd,
        max(case when is_disputed then 1 else 0 end) over of_gap = 1 as is_disputed
    from gaps
    window of_gap as (partition by asset, network, close_date)
),

scaled as (
    select
        *,
        -- Eight digits: with more, the value of 1e28 units, ten billion coins of 18 digits, would not fit.
        cast(close_usd as decimal(38, 8)) as close_fixed,
        cast(cast(close_usd as decimal(38, 12)) * 1000000000000 as decimal(38, 0)) as close_e12
    from closes
),

-- The unit of the price's third significant digit; made from text it took four fifths of the model's time.
floored as (
    select
        *,
        case length(cast(close_e12 as string))
            {%- for digits in range(4, 40) %}
            when {{ digits }} then {{ sats('1' ~ '0' * (digits - 3)) }}
            {%- endfor %}
            else 1
        end as step
    from scaled
)

select
    asset,
    network,
    value_date,
    close_usd,
    -- In fixed point, running sums of values stay exact when coins leave them.
    close_fixed,
    coalesce(cast(close_e12 - mod(close_e12, step) as double) / 1e12, -1) as price_bucket_usd,
    is_gap and close_usd is not null as is_carried,
    case
        when is_gap and close_usd is not null then cast({{ days_between('close_date', 'value_date') }} as integer)
    end as carried_days,
    close_usd is not null and (is_gap or is_disputed) as is_uncertain
from floored
