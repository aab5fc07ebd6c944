{{ config(meta={'dagster': {'ref': {'name': 'onchain_holder_supply_daily'}}}) }}

-- The running sum over all days equals one sum over what remains of each birth day's coins.
with latest as (
    select
        asset,
        network,
        max(value_date) as value_date
    from {{ ref('onchain_holder_supply_daily') }}
    where series = 'derived'
    group by asset, network
),

remaining as (
    {{ remaining_by_birth() }}
),

expected as (
    select
        latest.asset,
        latest.network,
        latest.value_date,
        weights.definition_id,
        sum(remaining.amount_native * weights.weight) as weighted,
        sum(remaining.figures) as figures
    from latest
    inner join remaining on latest.asset = remaining.asset and latest.network = remaining.network
    inner join {{ ref('int_onchain__ages') }} as ages
        on {{ days_between('remaining.birth_date', 'latest.value_date') }} = ages.age_days
    inner join {{ ref('int_onchain__weights') }} as weights on ages.weight_age_days = weights.age_days
    group by latest.asset, latest.network, latest.value_date, weights.definition_id
)

select
    expected.*,
    supply.lth_native
from expected
inner join {{ ref('onchain_holder_supply_daily') }} as supply
    on
        expected.asset = supply.asset
        and expected.network = supply.network
        and expected.definition_id = supply.definition_id
        and expected.value_date = supply.value_date
left join {{ ref('onchain_tokens') }} as tokens on expected.asset = tokens.asset and expected.network = tokens.network
where
    supply.series = 'derived'
    and abs(supply.lth_native * 1000000000 - expected.weighted)
    > 5 + {{ rounding('tokens.decimals', 'expected.figures') }} * 1000000000
