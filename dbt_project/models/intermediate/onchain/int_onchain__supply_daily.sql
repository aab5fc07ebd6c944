with sums as (
    select
        asset,
        network,
        value_date,
        sum(case when class_age_days = 0 then reached_units end) as created_units,
        sum(spent_units) as spent_units,
        sum(destroyed_unit_days) as destroyed_unit_days
    from {{ ref('int_onchain__ages_daily') }}
    group by asset, network, value_date
),

daily as (
    select
        days.*,
        coalesce(sums.created_units, 0) as created_units,
        coalesce(sums.spent_units, 0) as spent_units,
        coalesce(sums.destroyed_unit_days, 0) as destroyed_unit_days
    from {{ ref('int_onchain__days') }} as days
    left join sums
        on days.asset = sums.asset and days.network = sums.network and days.value_date = sums.value_date
)

select
    *,
    sum(created_units - spent_units) over (
        partition by asset, network order by value_date rows between unbounded preceding and current row
    ) as supply_units
from daily
