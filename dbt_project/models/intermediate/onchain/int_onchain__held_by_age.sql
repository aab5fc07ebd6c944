with created as (
    select
        asset,
        network,
        birth_date,
        sum({{ sats('amount_units') }}) as created_units
    from {{ coin_created() }}
    group by asset, network, birth_date
),

spent as (
    select
        flow.asset,
        flow.network,
        flow.birth_date,
        ages.class_age_days,
        sum({{ sats('flow.amount_units') }}) as spent_units
    from {{ coin_flow() }} as flow
    inner join {{ ref('int_onchain__ages') }} as ages
        on {{ days_between('flow.birth_date', 'flow.spend_date') }} = ages.age_days
    group by flow.asset, flow.network, flow.birth_date, ages.class_age_days
),

reached as (
    select
        created.*,
        ages.age_days,
        -- A snapshot's coins count from its day on.
        greatest({{ add_days('created.birth_date', 'ages.age_days') }}, days.first_date) as reached_date
    from created
    inner join {{ ref('int_onchain__days') }} as days
        on created.asset = days.asset and created.network = days.network and days.day_number = 0
    cross join {{ ref('int_onchain__ages') }} as ages
    where ages.is_threshold and {{ add_days('created.birth_date', 'ages.age_days') }} <= days.last_date
)

select
    reached.asset,
    reached.network,
    reached.birth_date,
    reached.age_days,
    reached.reached_date,
    reached.created_units - coalesce(sum(spent.spent_units) over (
        partition by reached.asset, reached.network, reached.birth_date
        order by reached.age_days
        rows between unbounded preceding and 1 preceding
    ), 0) as held_units
from reached
left join spent
    on
        reached.asset = spent.asset
        and reached.network = spent.network
        and reached.birth_date = spent.birth_date
        and reached.age_days = spent.class_age_days
