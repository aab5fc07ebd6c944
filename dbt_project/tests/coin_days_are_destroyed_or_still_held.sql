{{ config(meta={'dagster': {'ref': {'name': 'onchain_value_daily'}}}) }}

-- Supply summed over the days before the last one = coin days destroyed + what remains on the last day times its age.
with latest as (
    select
        asset,
        network,
        max(decimals) as decimals,
        max(value_date) as value_date
    from {{ ref('int_onchain__days') }}
    where is_from_genesis
    group by asset, network
),

supply_days as (
    select
        latest.asset,
        latest.network,
        latest.decimals,
        count(*) as days,
        sum(case when supply.value_date < latest.value_date then supply.supply_native else 0 end) as held_native
    from latest
    left join {{ ref('onchain_value_daily') }} as supply
        on latest.asset = supply.asset and latest.network = supply.network
    group by latest.asset, latest.network, latest.decimals
),

destroyed as (
    select
        asset,
        network,
        {{ native_from_units('sum(destroyed_unit_days)', 'decimals') }} as destroyed_native
    from {{ ref('int_onchain__supply_daily') }}
    group by asset, network, decimals
),

remaining as (
    {{ remaining_by_birth() }}
),

aged as (
    select
        remaining.asset,
        remaining.network,
        sum(
            remaining.amount_native
            * cast({{ days_between('remaining.birth_date', 'latest.value_date') }} as decimal(10, 0))
        ) as aged_native
    from remaining
    inner join latest on remaining.asset = latest.asset and remaining.network = latest.network
    group by remaining.asset, remaining.network
)

select
    supply_days.*,
    destroyed.destroyed_native,
    aged.aged_native
from supply_days
left join destroyed on supply_days.asset = destroyed.asset and supply_days.network = destroyed.network
left join aged on supply_days.asset = aged.asset and supply_days.network = aged.network
where
    destroyed.destroyed_native is null
    or aged.aged_native is null
    or abs(supply_days.held_native - destroyed.destroyed_native - aged.aged_native)
    -- Each figure is off by half a digit at most, on each of its days.
    > {{ rounding('supply_days.decimals', 'supply_days.days * supply_days.days') }}
