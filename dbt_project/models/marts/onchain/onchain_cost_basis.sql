-- Coins count from the first shown day at or after their birth until the one at or after they are spent.
with shown as (
    select
        asset,
        network,
        decimals,
        value_date,
        min(case when is_shown then value_date end) over (
            partition by asset, network order by value_date desc rows between unbounded preceding and current row
        ) as shown_date,
        is_shown
    from (
        select
            asset,
            network,
            decimals,
            value_date,
            value_date = last_date
            or {{ month_start('value_date') }} <> {{ month_start(add_days('value_date', 1)) }} as is_shown
        from {{ ref('int_onchain__days') }}
    ) as days
),

changes as (
    select
        held.asset,
        held.network,
        held.birth_date,
        held.reached_date as value_date,
        held.held_units as change_units
    from {{ ref('int_onchain__held_by_age') }} as held
    where held.age_days = 0
    union all
    select
        asset,
        network,
        birth_date,
        spend_date as value_date,
        -{{ sats('amount_units') }} as change_units
    from {{ coin_flow() }}
),

summed as (
    select
        changes.asset,
        changes.network,
        shown.shown_date,
        closes.price_bucket_usd,
        sum(changes.change_units) as change_units
    from changes
    inner join shown
        on
            changes.asset = shown.asset
            and changes.network = shown.network
            and changes.value_date = shown.value_date
    inner join {{ ref('int_onchain__closes') }} as closes
        on
            changes.asset = closes.asset
            and changes.network = closes.network
            and changes.birth_date = closes.value_date
    group by changes.asset, changes.network, shown.shown_date, closes.price_bucket_usd
),

buckets as (
    select
        asset,
        network,
        price_bucket_usd,
        min(shown_date) as first_date
    from summed
    group by asset, network, price_bucket_usd
),

balances as (
    select
        buckets.asset,
        buckets.network,
        shown.decimals,
        shown.value_date,
        buckets.price_bucket_usd,
        sum(summed.change_units) over (
            partition by buckets.asset, buckets.network, buckets.price_bucket_usd
            order by shown.value_date
            rows between unbounded preceding and current row
        ) as held_units
    from buckets
    inner join shown
        on
            buckets.asset = shown.asset
            and buckets.network = shown.network
            and buckets.first_date <= shown.value_date
            and shown.is_shown
    left join summed
        on
            buckets.asset = summed.asset
            and buckets.network = summed.network
            and buckets.price_bucket_usd = summed.price_bucket_usd
            and shown.value_date = summed.shown_date
)

select
    asset,
    network,
    value_date,
    price_bucket_usd,
    {{ native_from_units('held_units', 'decimals') }} as supply_native
from balances
where held_units > 0
