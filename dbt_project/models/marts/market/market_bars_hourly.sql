with bars as (
    select
        *,
        {{ hour_start('open_at') }} as hour_at
    from {{ ref('int_market__bars') }}
),

hourly as (
    select * from bars
    where interval_minutes = 60 and is_over
),

without_hourly as (
    select bars.*
    from bars
    left join hourly
        on
            bars.asset = hourly.asset
            and bars.venue = hourly.venue
            and bars.instrument_kind = hourly.instrument_kind
            and bars.quote_asset = hourly.quote_asset
            and bars.hour_at = hourly.hour_at
    where hourly.asset is null
),

ends as (
    select
        *,
        min(open_at) over in_hour as first_at,
        max(open_at) over in_hour as last_at
    from without_hourly
    window in_hour as (partition by asset, venue, instrument_kind, quote_asset, interval_minutes, hour_at)
),

-- Bars of equal length cover an hour together.
covered as (
    select
        asset,
        venue,
        instrument_kind,
        quote_asset,
        hour_at,
        max(case when open_at = first_at then open_usd end) as open_usd,
        max(high_usd) as high_usd,
        min(low_usd) as low_usd,
        max(case when open_at = last_at then close_usd end) as close_usd,
        {{ sum_if_all_known(native('volume_native'), 'open_at') }} as volume_native,
        case when count(volume_quote) = count(*) then {{ exact_sum('volume_quote') }} end as volume_quote,
        {{ sum_if_all_known('trades', 'open_at') }} as trades,
        sum(interval_minutes) = 60 and count(case when not is_over then 1 end) = 0 as is_complete,
        interval_minutes,
        max(observed_at) as last_changed_at,
        row_number() over (
            partition by asset, venue, instrument_kind, quote_asset, hour_at
            order by
                sum(case when is_over then interval_minutes else 0 end) desc, interval_minutes desc
        ) as choice
    from ends
    group by asset, venue, instrument_kind, quote_asset, hour_at, interval_minutes
)

select
    asset,
    venue,
    instrument_kind,
    quote_asset,
    hour_at as open_at,
    open_usd,
    high_usd,
    low_usd,
    close_usd,
    {{ native('volume_native') }} as volume_native,
    volume_quote,
    trades,
    true as is_complete,
    interval_minutes,
    observed_at as last_changed_at
from hourly
union all
select
    asset,
    venue,
    instrument_kind,
    quote_asset,
    hour_at as open_at,
    open_usd,
    high_usd,
    low_usd,
    close_usd,
    {{ native('volume_native') }} as volume_native,
    volume_quote,
    cast(trades as bigint) as trades,
    is_complete,
    interval_minutes,
    last_changed_at
from covered
where choice = 1
