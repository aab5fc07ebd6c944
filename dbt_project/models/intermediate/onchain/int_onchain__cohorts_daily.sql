-- Amounts are smallest units times weights in 1e-9, as whole numbers.
with matured as (
    select
        held.asset,
        held.network,
        weights.definition_id,
        held.reached_date as value_date,
        sum(held.held_units * {{ sats('weights.weight_change') }}) as matured
    from {{ ref('int_onchain__held_by_age') }} as held
    inner join {{ ref('int_onchain__weights') }} as weights on held.age_days = weights.age_days
    where weights.weight_change <> 0
    group by held.asset, held.network, weights.definition_id, held.reached_date
),

spent as (
    select
        flow.asset,
        flow.network,
        weights.definition_id,
        flow.spend_date as value_date,
        sum(flow.spent_units * {{ sats('weights.weight') }}) as spent
    from {{ ref('int_onchain__spent_by_age') }} as flow
    inner join {{ ref('int_onchain__ages') }} as ages on flow.class_age_days = ages.age_days
    inner join {{ ref('int_onchain__weights') }} as weights on ages.weight_age_days = weights.age_days
    where weights.weight > 0
    group by flow.asset, flow.network, weights.definition_id, flow.spend_date
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
