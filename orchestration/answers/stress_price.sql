-- question: Price, with the extremes of each hour: US$
-- grain: One row per asset and hour around a crash, and per day where no hours are stored.
-- shown: stress 10
-- marts: market_bars_hourly, market_prices_daily, macro_events
-- reading: The line is the close at the end of each hour, or day; the area reaches from the lowest to the highest price
--   within it.
-- empty: No prices are stored: `flowhouse build --live` reads those of days; for hours name `binance_bars` in the list
--   `[publishers] sources` of flowhouse.toml.

with hours as (
    select
        *,
        venue || ', ' || instrument_kind || ' in ' || quote_asset as instrument
    from marts.market_bars_hourly as bar
    where
        instrument_kind in ('spot', 'perpetual')
        and upper(asset) not like '%USD%'
        and exists (
            select 1
            from marts.macro_events as crash
            where
                crash.kind = 'market_crash'
                and bar.open_at >= crash.start_date - interval 4 day
                and bar.open_at < crash.end_date + interval 5 day
        )
),

-- of an asset the instrument with most hours, spot before perpetuals
instruments as (
    select
        asset,
        instrument,
        row_number() over (
            partition by asset order by instrument_kind = 'spot' desc, count(*) desc, instrument
        ) as place
    from hours
    group by asset, instrument, instrument_kind
),

-- the venue with most days; among equals, the first by name
venues as (
    select
        asset,
        venue,
        row_number() over (partition by asset order by count(*) desc, venue) as place
    from marts.market_prices_daily
    group by asset, venue
),

chosen as (
    select hour.asset, hour.open_at, hour.close_usd, hour.low_usd, hour.high_usd, hour.instrument, hour.is_complete
    from hours as hour
    inner join instruments on
        hour.asset = instruments.asset and hour.instrument = instruments.instrument and instruments.place = 1
),

days as (
    select price.*
    from marts.market_prices_daily as price
    inner join venues on price.asset = venues.asset and price.venue = venues.venue and venues.place = 1
    left join (select distinct asset, cast(open_at as date) as price_date from chosen) as with_hours
        on price.asset = with_hours.asset and price.price_date = with_hours.price_date
    where with_hours.price_date is null
),

prices as (
    select
        asset, open_at + interval 1 hour as close_at, close_usd, low_usd, high_usd, instrument || ', hours' as instrument,
        is_complete
    from chosen
    union all
    select asset, cast(price_date as timestamp) + interval 1 day, close_usd, low_usd, high_usd, venue || ', days', true
    from days
)

select
    asset,
    close_at as "until",
    close_usd as "close",
    low_usd as "low",
    high_usd as "high",
    instrument,
    is_complete as "is complete"
from prices
order by asset = 'BTC' desc, asset, "until"
