-- At the first age of a band, the unspent coins of a birth day leave the band before and enter this one.
with bands as (
    select
        age_days,
        age_band,
        lag(age_band) over (order by age_days) as band_before
    from (
        select
            age_band,
            min(age_days) as age_days
        from {{ ref('int_onchain__ages') }}
        group by age_band
    ) as first_ages
),

aged as (
    select
        daily.asset,
        daily.network,
        daily.value_date,
        bands.age_band,
        bands.band_before,
        daily.reached_units as held_units,
        daily.reached_unpriced_units as unpriced_units,
        daily.reached_cost as cost
    from {{ ref('int_onchain__ages_daily') }} as daily
    inner join bands on daily.class_age_days = bands.age_days
),

changes as (
    select
        asset,
        network,
        value_date,
        age_band,
        held_units,
        unpriced_units,
        cost
    from aged
    union all
    select
        asset,
        network,
        value_date,
        band_before as age_band,
        -held_units as held_units,
        -unpriced_units as unpriced_units,
        -cost as cost
    from aged
    where band_before is not null
    union all
    select
        spent.asset,
        spent.network,
        spent.value_date,
        ages.age_band,
        -spent.spent_units as held_units,
        -spent.unpriced_units as unpriced_units,
        -spent.cost as cost
    from {{ ref('int_onchain__ages_daily') }} as spent
    inner join {{ ref('int_onchain__ages') }} as ages on spent.class_age_days = ages.age_days
),

summed as (
    select
        asset,
        network,
        value_date,
        age_band,
        sum(held_units) as held_units,
        sum(unpriced_units) as unpriced_units,
        sum(cost) as cost
    from changes
    group by asset, network, value_date, age_band
),

balances as (
    select
        days.asset,
        days.network,
        days.decimals,
        days.value_date,
        bands.age_band,
        coalesce(sum(summed.held_units) over so_far, 0) as held_units,
        coalesce(sum(summed.unpriced_units) over so_far, 0) as unpriced_units,
        coalesce(sum(summed.cost) over so_far, 0) as cost
    from {{ ref('int_onchain__days') }} as days
    cross join bands
    left join summed
        on
            days.asset = summed.asset
            and days.network = summed.network
            and days.value_date = summed.value_date
            and bands.age_band = summed.age_band
    window so_far as (
        partition by days.asset, days.network, bands.age_band
        order by days.value_date
        rows between unbounded preceding and current row
    )
)

select
    asset,
    network,
    value_date,
    age_band,
    {{ native_from_units('held_units', 'decimals') }} as supply_native,
    case when unpriced_units = 0 then {{ coins_from_units('cost', 'decimals') }} end as realized_value_usd
from balances
