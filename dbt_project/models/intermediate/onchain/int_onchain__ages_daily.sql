{%- set reached_sums = ['reached_units', 'reached_unpriced_units', 'reached_cost', 'reached_uncertain_cost'] -%}
{%- set spent_sums = [
    'spent_units', 'destroyed_unit_days', 'unpriced_units', 'cost', 'uncertain_cost', 'burned_units',
    'burned_unpriced_units', 'burned_cost',
] -%}

-- All values are those of smallest units as if they were coins, in fixed point: exact in running sums, and in any order.
-- Where there are many cells, compiled code gives the rows of chains in a third of the CPU. It reads these itself:
-- {{ ref('int_onchain__ages') }}, {{ ref('int_onchain__days') }}, {{ ref('stg_bitcoin__coin_created') }},
-- {{ ref('stg_bitcoin__coin_flow') }}
with created as (
    select
        asset,
        network,
        is_token,
        birth_date,
        sum({{ sats('amount_units') }}) as created_units
    from {{ coin_created() }}
    group by asset, network, is_token, birth_date
),

spent_by_birth as (
    select
        flow.asset,
        flow.network,
        flow.is_token,
        flow.birth_date,
        ages.class_age_days,
        sum({{ sats('flow.amount_units') }}) as spent_units
    from {{ coin_flow() }} as flow
    inner join {{ ref('int_onchain__ages') }} as ages
        on {{ days_between('flow.birth_date', 'flow.spend_date') }} = ages.age_days
    group by flow.asset, flow.network, flow.is_token, flow.birth_date, ages.class_age_days
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
),

held as (
    select
        reached.asset,
        reached.network,
        reached.is_token,
        reached.birth_date,
        reached.age_days,
        reached.reached_date,
        reached.created_units - coalesce(sum(spent.spent_units) over (
            partition by reached.asset, reached.network, reached.is_token, reached.birth_date
            order by reached.age_days
            rows between unbounded preceding and 1 preceding
        ), 0) as held_units
    from reached
    left join spent_by_birth as spent
        on
            reached.asset = spent.asset
            and reached.network = spent.network
            and reached.is_token = spent.is_token
            and reached.birth_date = spent.birth_date
            and reached.age_days = spent.class_age_days
),

priced as (
    select
        flow.asset,
        flow.network,
        flow.is_token,
        flow.spend_date,
        ages.class_age_days,
        ages.age_days,
        flow.kind = 'burn' as is_burn,
        {{ sats('flow.amount_units') }} as spent_units,
        {{ sats('flow.amount_units') }} * births.close_fixed as cost,
        births.is_uncertain,
        births.close_fixed < spends.close_fixed as has_gained,
        spends.close_fixed as spend_close
    from {{ coin_flow() }} as flow
    inner join {{ ref('int_onchain__ages') }} as ages
        on {{ days_between('flow.birth_date', 'flow.spend_date') }} = ages.age_days
    inner join {{ ref('int_onchain__closes') }} as births
        on flow.asset = births.asset and flow.network = births.network and flow.birth_date = births.value_date
    inner join {{ ref('int_onchain__closes') }} as spends
        on flow.asset = spends.asset and flow.network = spends.network and flow.spend_date = spends.value_date
),

-- A group has one close of the day its coins were spent on, so profit and loss need no product for each cell.
spent as (
    select
        asset,
        network,
        is_token,
        spend_date,
        class_age_days,
        sum(spent_units) as spent_units,
        sum(spent_units * age_days) as destroyed_unit_days,
        coalesce(sum(case when cost is null then spent_units end), 0) as unpriced_units,
        coalesce(sum(cost), 0) as cost,
        coalesce(sum(case when is_uncertain then cost end), 0) as uncertain_cost,
        coalesce(sum(case when is_burn then spent_units end), 0) as burned_units,
        coalesce(sum(case when is_burn and cost is null then spent_units end), 0) as burned_unpriced_units,
        coalesce(sum(case when is_burn then cost end), 0) as burned_cost,
        coalesce(sum(case when has_gained and not is_burn then spent_units end), 0) as gained_units,
        coalesce(sum(case when has_gained and not is_burn then cost end), 0) as gained_cost,
        coalesce(sum(case when cost is not null and not has_gained and not is_burn then spent_units end), 0)
            as other_units,
        max(spend_close) as spend_close
    from priced
    group by asset, network, is_token, spend_date, class_age_days
),

changes as (
    select
        held.asset,
        held.network,
        held.is_token,
        held.reached_date as value_date,
        held.age_days as class_age_days,
        held.held_units as reached_units,
        case when closes.close_usd is null then held.held_units end as reached_unpriced_units,
        held.held_units * closes.close_fixed as reached_cost,
        case when closes.is_uncertain then held.held_units * closes.close_fixed end as reached_uncertain_cost,
        {%- for sum in spent_sums %}
        null as {{ sum }},
        {%- endfor %}
        null as profit,
        null as loss
    from held
    inner join {{ ref('int_onchain__closes') }} as closes
        on held.asset = closes.asset and held.network = closes.network and held.birth_date = closes.value_date
    union all
    select
        asset,
        network,
        is_token,
        spend_date as value_date,
        class_age_days,
        {%- for sum in reached_sums %}
        null as {{ sum }},
        {%- endfor %}
        {{ spent_sums | join(',\n        ') }},
        -- Null where the day has no close.
        gained_units * spend_close - gained_cost as profit,
        cost - burned_cost - gained_cost - other_units * spend_close as loss
    from spent
)

select
    asset,
    network,
    is_token,
    value_date,
    class_age_days,
    {%- for sum in reached_sums + spent_sums %}
    coalesce(sum({{ sum }}), 0) as {{ sum }},
    {%- endfor %}
    -- As doubles for products with weights: DuckDB takes a microsecond for each of these casts.
    cast(coalesce(sum(cost), 0) - coalesce(sum(burned_cost), 0) as double) as sold_cost,
    cast(sum(profit) as double) as profit,
    cast(sum(loss) as double) as loss,
    -- Compiled code keeps the stored rows of days with the same one.
    cast(null as bigint) as sums_digest
from changes
group by asset, network, is_token, value_date, class_age_days
