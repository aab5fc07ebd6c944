-- Mark and index prices are no trades.
with bars as (
    select *
    from {{ ref('int_market__bars') }}
    where instrument_kind in ('spot', 'perpetual')
),

by_length as (
    select
        bars.asset,
        bars.venue,
        bars.quote_asset,
        bars.instrument_kind,
        bars.value_date,
        min(bars.low_usd) as low_usd,
        max(bars.high_usd) as high_usd,
        sum(case when bars.is_over then bars.interval_minutes else 0 end) as minutes_over,
        case when bars.interval_minutes = 1 then count(*) else 0 end as minutes_count,
        case when bars.interval_minutes = 1 then count(case when bars.low_usd < pegs.below_usd then 1 end) else 0 end
            as minutes_below,
        max(pegs.below_usd) as below_usd
    from bars
    left join {{ ref('price_pegs') }} as pegs on bars.asset = pegs.asset
    group by
        bars.asset, bars.venue, bars.quote_asset, bars.instrument_kind, bars.value_date, bars.interval_minutes
),

-- The spot pair, or the perpetual where no bar of that is held.
days as (
    select
        asset,
        venue,
        quote_asset,
        instrument_kind,
        value_date,
        min(low_usd) as low_usd,
        max(high_usd) as high_usd,
        max(minutes_over) as minutes_over,
        sum(minutes_count) as minutes_count,
        sum(minutes_below) as minutes_below,
        max(below_usd) as below_usd,
        row_number() over (
            partition by asset, venue, quote_asset, value_date
            order by case instrument_kind when 'spot' then 0 else 1 end
        ) as choice
    from by_length
    group by asset, venue, quote_asset, instrument_kind, value_date
),

{% for price, extreme in [('low_usd', 'lows'), ('high_usd', 'highs')] %}
{{ extreme }} as (
    select
        bars.asset,
        bars.venue,
        bars.quote_asset,
        bars.instrument_kind,
        bars.value_date,
        bars.open_at,
        row_number() over (
            partition by bars.asset, bars.venue, bars.quote_asset, bars.instrument_kind, bars.value_date
            order by bars.interval_minutes, bars.open_at
        ) as shortest_first
    from days
    inner join bars
        on
            days.asset = bars.asset
            and days.venue = bars.venue
            and days.quote_asset = bars.quote_asset
            and days.instrument_kind = bars.instrument_kind
            and days.value_date = bars.value_date
            and days.{{ price }} = bars.{{ price }}
){{ ',' if not loop.last }}
{% endfor %}

select
    days.asset,
    days.venue,
    days.quote_asset,
    days.value_date as price_date,
    days.instrument_kind,
    days.low_usd,
    lows.open_at as low_at,
    days.high_usd,
    highs.open_at as high_at,
    case
        when days.minutes_count > 0 and days.below_usd is not null then cast(days.minutes_below as integer)
    end as minutes_below_peg,
    cast(days.minutes_count as integer) as minutes_count,
    days.minutes_over = 1440 as is_complete
from days
{% for extreme in ['lows', 'highs'] %}
left join {{ extreme }}
    on
        days.asset = {{ extreme }}.asset
        and days.venue = {{ extreme }}.venue
        and days.quote_asset = {{ extreme }}.quote_asset
        and days.instrument_kind = {{ extreme }}.instrument_kind
        and days.value_date = {{ extreme }}.value_date
        and {{ extreme }}.shortest_first = 1
{% endfor %}
where days.choice = 1
