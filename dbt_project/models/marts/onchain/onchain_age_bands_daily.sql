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
        held.asset,
        held.network,
        held.reached_date as value_date,
        held.age_days,
        sum(held.held_units) as held_units,
        coalesce(sum(case when closes.close_usd is null then held.held_units end), 0) as unpriced_units,
        coalesce(sum(held.held_units * closes.close_fixed), 0) as cost
    from {{ ref('int_onchain__held_by_age') }} as held
    inner join bands on held.age_days = bands.age_days
    inner join {{ ref('int_onchain__closes') }} as closes
        on held.asset = closes.asset and held.network = closes.network and held.birth_date = closes.value_date
    group by held.asset, held.network, held.reached_date, held.age_days
),

changes as (
    select
        aged.asset,
        aged.network,
        aged.value_date,
        bands.age_band,
        aged.held_units,
        aged.unpriced_units,
        aged.cost
    from aged
    inner join bands on aged.age_days = bands.age_days
    union all
    select
        aged.asset,
        aged.network,
        aged.value_date,
        bands.band_before as age_band,
        -aged.held_units as held_units,
        -aged.unpriced_units as unpriced_units,
        -aged.cost as cost
    from aged
    inner join bands on aged.age_days = bands.age_days
    where bands.band_before is not null
    union all
    select
        spent.asset,
        spent.network,
        spent.spend_date as value_date,
        ages.age_band,
        -spent.spent_units as held_units,
        -spent.unpriced_units as unpriced_units,
        -spent.cost as cost
    from {{ ref('int_onchain__spent_value') }} as spent
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
