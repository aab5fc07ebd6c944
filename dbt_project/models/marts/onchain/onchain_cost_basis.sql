-- Coins count from the end of the month of their birth, or the last day, until that of the month they are spent in.
with shown as (
    select
        asset,
        network,
        decimals,
        {{ month_number('value_date') }} as month_number,
        max(value_date) as value_date
    from {{ ref('int_onchain__days') }}
    group by asset, network, decimals, {{ month_number('value_date') }}
),

created as (
    select
        created.asset,
        created.network,
        created.birth_date,
        -- A snapshot's coins count from its day on.
        {{ month_number('greatest(created.birth_date, days.first_date)') }} as month_number,
        {{ sats('created.amount_units') }} as change_units
    from {{ coin_created() }} as created
    inner join {{ ref('int_onchain__days') }} as days
        on created.asset = days.asset and created.network = days.network and days.day_number = 0
),

spent as (
    select
        asset,
        network,
        birth_date,
        month_number,
        -spent_units as change_units
    from {{ ref('int_onchain__spent_monthly') }}
),

summed as (
    select
        changes.asset,
        changes.network,
        changes.month_number,
        closes.price_bucket_usd,
        sum(changes.change_units) as change_units
    from (
        select * from created
        union all
        select * from spent
    ) as changes
    inner join {{ ref('int_onchain__closes') }} as closes
        on
            changes.asset = closes.asset
            and changes.network = closes.network
            and changes.birth_date = closes.value_date
    group by changes.asset, changes.network, changes.month_number, closes.price_bucket_usd
),

buckets as (
    select
        asset,
        network,
        price_bucket_usd,
        min(month_number) as first_month
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
            and buckets.first_month <= shown.month_number
    left join summed
        on
            buckets.asset = summed.asset
            and buckets.network = summed.network
            and buckets.price_bucket_usd = summed.price_bucket_usd
            and shown.month_number = summed.month_number
)

select
    asset,
    network,
    value_date,
    price_bucket_usd,
    {{ native_from_units('held_units', 'decimals') }} as supply_native
from balances
where held_units > 0
