with created as (
    select
        asset,
        network,
        reached_date as value_date,
        sum(held_units) as created_units
    from {{ ref('int_onchain__held_by_age') }}
    where age_days = 0
    group by asset, network, reached_date
),

spent as (
    select
        asset,
        network,
        spend_date as value_date,
        sum(spent_units) as spent_units,
        sum(destroyed_unit_days) as destroyed_unit_days
    from {{ ref('int_onchain__spent_by_age') }}
    group by asset, network, spend_date
),

daily as (
    select
        days.*,
        coalesce(created.created_units, 0) as created_units,
        coalesce(spent.spent_units, 0) as spent_units,
        coalesce(spent.destroyed_unit_days, 0) as destroyed_unit_days
    from {{ ref('int_onchain__days') }} as days
    left join created
        on days.asset = created.asset and days.network = created.network and days.value_date = created.value_date
    left join spent
        on days.asset = spent.asset and days.network = spent.network and days.value_date = spent.value_date
)

select
    *,
    sum(created_units - spent_units) over (
        partition by asset, network order by value_date rows between unbounded preceding and current row
    ) as supply_units
from daily
