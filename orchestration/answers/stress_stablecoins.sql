-- question: Stablecoins: the lowest price, in the coin on the other side of the pair
-- grain: One row per stablecoin, venue, pair, and hour around a crash, and day elsewhere.
-- shown: stress 70
-- marts: market_bars_hourly, market_price_extremes_daily, macro_events
-- reading: The lowest trade of each hour, and elsewhere of each day at its minute. A price on one venue is not a price
--   everywhere: each venue and pair is a line of its own.
-- empty: No price of a stablecoin is stored: name `binance_bars` in the list `[publishers] sources` of flowhouse.toml,
--   then run `flowhouse build --live`.

with hours as (
    select asset, venue, quote_asset, open_at, low_usd
    from marts.market_bars_hourly as bar
    where
        upper(asset) like '%USD%'
        and instrument_kind = 'spot'
        and exists (
            select 1
            from marts.macro_events as crash
            where
                crash.kind = 'market_crash'
                and bar.open_at >= crash.start_date - interval 4 day
                and bar.open_at < crash.end_date + interval 5 day
        )
),

lows as (
    select * from hours
    union all
    select day.asset, day.venue, day.quote_asset, day.low_at, day.low_usd
    from marts.market_price_extremes_daily as day
    left join (
        select distinct asset, venue, quote_asset, cast(open_at as date) as price_date
        from hours
    ) as with_hours
        on
            day.asset = with_hours.asset
            and day.venue = with_hours.venue
            and day.quote_asset = with_hours.quote_asset
            and day.price_date = with_hours.price_date
    where upper(day.asset) like '%USD%' and with_hours.price_date is null
)

select
    open_at as "at",
    venue || ' ' || asset || '/' || quote_asset as pair,
    low_usd as "lowest price"
from lows
where low_usd is not null
order by pair, "at"
