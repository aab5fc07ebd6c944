-- question: Open interest in coins: coins of the asset
-- grain: One row per asset, venue, contract and hour around a crash, and per day elsewhere.
-- shown: stress 30
-- marts: derivatives_open_interest_hourly, derivatives_open_interest_daily, macro_events
-- reading: Where coins stay and dollars fall, the price fell and nobody closed; where coins fall, positions were closed.
-- empty: No open interest is stored in coins: it comes with that in dollars.

with hours as (
    select asset, snapshot_at, venue, contract, open_interest_native
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
    select day.asset, day.last_snapshot_at, day.venue, day.contract, day.open_interest_native
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
    open_interest_native as coins
from snapshots
where open_interest_native is not null
order by asset = 'BTC' desc, asset, contract, "at"
