-- question: Open interest in dollars: US$ m
-- grain: One row per asset, venue, contract and hour around a crash, and per day elsewhere.
-- shown: stress 20
-- marts: derivatives_open_interest_hourly, derivatives_open_interest_daily, macro_events
-- reading: What was open at the end of the hour, or of the day, by contract. Venues are not summed: each counts in its
--   own way. A vendor’s total stands beside them where it is stored.
-- empty: No open interest is stored: name `binance_open_interest`, `okx_open_interest`, `bybit_open_interest` or
--   `hyperliquid_open_interest` in the list `[publishers] sources` of flowhouse.toml, then run `flowhouse build --live`.

with hours as (
    select asset, snapshot_at, venue, contract, open_interest_usd
    from marts.derivatives_open_interest_hourly as hour
    where
        exists (
            select 1
            from marts.macro_events as crash
            where
                crash.kind = 'market_crash'
                and hour.open_at >= crash.start_date - interval 4 day
                and hour.open_at < crash.end_date + interval 5 day
        )
),

days as (
    select day.asset, day.last_snapshot_at, day.venue, day.contract, day.open_interest_usd
    from marts.derivatives_open_interest_daily as day
    left join (
        select distinct asset, venue, contract, cast(snapshot_at as date) as value_date
        from hours
    ) as with_hours
        on
            day.asset = with_hours.asset
            and day.venue = with_hours.venue
            and day.contract = with_hours.contract
            and day.value_date = with_hours.value_date
    where with_hours.value_date is null
),

snapshots as (
    select * from hours
    union all
    select * from days
)

select
    asset,
    snapshot_at as "at",
    venue || ' ' || contract as contract,
    open_interest_usd / 1e6 as "US$ m"
from snapshots
where open_interest_usd is not null
order by asset = 'BTC' desc, asset, contract, "at"
