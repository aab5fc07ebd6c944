-- Amounts are smallest units times weights in 1e-9, as whole numbers.
with matured as (
    select
        daily.asset,
        daily.network,
        weights.definition_id,
        daily.value_date,
        sum(daily.reached_units * {{ sats('weights.weight_change') }}) as matured
    from {{ ref('int_onchain__ages_daily') }} as daily
    inner join {{ ref('int_onchain__weights') }} as weights on daily.class_age_days = weights.age_days
    where weights.weight_change <> 0
    group by daily.asset, daily.network, weights.definition_id, daily.value_date
),

spent as (
    select
        daily.asset,
        daily.network,
        weights.definition_id,
        daily.value_date,
        sum(daily.spent_units * {{ sats('weights.weight') }}) as spent
    from {{ ref('int_onchain__ages_daily') }} as daily
    inner join {{ ref('int_onchain__ages') }} as ages on daily.class_age_days = ages.age_days
    inner join {{ ref('int_onchain__weights') }} as weights on ages.weight_age_days = weights.age_days
    where weights.weight > 0
    group by daily.asset, daily.network, weights.definition_id, daily.value_date
),

definitions as (
    select distinct definition_id from {{ ref('int_onchain__weights') }}
),

daily as (
    select
        days.asset,
        days.network,
        days.decimals,
        definitions.definition_id,
        days.value_date,
        days.day_number,
        days.has_flows,
        days.is_final,
        coalesce(matured.matured, 0) as matured,
        coalesce(spent.spent, 0) as spent
    from {{ ref('int_onchain__days') }} as days
    cross join definitions
    left join matured
        on
            days.asset = matured.asset
            and days.network = matured.network
            and days.value_date = matured.value_date
            and definitions.definition_id = matured.definition_id
    left join spent
        on
            days.asset = spent.asset
            and days.network = spent.network
            and days.value_date = spent.value_date
            and definitions.definition_id = spent.definition_id
)

select
    *,
    sum(matured - spent) over (
        partition by asset, network, definition_id
        order by value_date
        rows between unbounded preceding and current row
    ) as held
from daily
