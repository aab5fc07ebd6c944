-- question: Order book within 4 % of the price: US$ m
-- grain: One row per asset, venue, side, and median or minimum, of each hour around a crash, and of each day elsewhere.
-- shown: stress 60
-- marts: market_depth_hourly, market_depth_daily, macro_events
-- reading: What stood in the book on both sides in the middle of the snapshots of the hour, or of the day, and in the
--   emptiest one; and on each side in its emptiest one. Pale values are of days on which the publisher repeated a book.
-- empty: No order book is stored: name `binance_depth` in the list `[publishers] sources` of flowhouse.toml, then run
--   `flowhouse build --live`. No other exchange publishes the history of its book.

with hours as (
    select asset, venue, open_at, side, median_notional_usd, min_notional_usd
    from marts.market_depth_hourly as hour
    where
        band_pct = 4
        and exists (
            select 1
            from marts.macro_events as crash
            where
                crash.kind = 'market_crash'
                and hour.open_at >= crash.start_date - interval 4 day
                and hour.open_at < crash.end_date + interval 5 day
        )
),

days as (
    select *
    from marts.market_depth_daily
    where band_pct = 4
),

books as (
    select hour.*, coalesce(day.is_frozen, false) as is_frozen
    from hours as hour
    left join days as day
        on
            hour.asset = day.asset
            and hour.venue = day.venue
            and hour.side = day.side
            and cast(hour.open_at as date) = day.value_date
    union all
    select
        day.asset, day.venue, cast(day.value_date as timestamp), day.side, day.median_notional_usd, day.min_notional_usd,
        day.is_frozen
    from days as day
    left join (select distinct asset, venue, cast(open_at as date) as value_date from hours) as with_hours
        on day.asset = with_hours.asset and day.venue = with_hours.venue and day.value_date = with_hours.value_date
    where with_hours.value_date is null
),

shown as (
    select asset, open_at, venue || ', both sides, median' as side, median_notional_usd as notional_usd, is_frozen
    from books
    where side = 'both'
    union all
    select
        asset, open_at, venue || case side when 'both' then ', both sides' else ', ' || side || 's' end || ', minimum',
        min_notional_usd, is_frozen
    from books
)

select
    asset,
    open_at as "from",
    side,
    notional_usd / 1e6 as "US$ m",
    not is_frozen as "is complete"
from shown
order by asset = 'BTC' desc, asset, side, "from"
