{{ config(meta={'dagster': {'ref': {'name': 'onchain_blocks_daily'}}}) }}

-- A snapshot's day began before it: there the supply is what the snapshot found.
select
    daily.*,
    daily.supply_native - daily.supply_before as growth_native
from (
    select
        blocks.*,
        days.has_flows,
        supply.supply_native,
        lag(supply.supply_native, 1, 0) over (
            partition by supply.asset, supply.network order by supply.value_date
        ) as supply_before
    from {{ ref('onchain_blocks_daily') }} as blocks
    inner join {{ ref('int_onchain__days') }} as days
        on blocks.asset = days.asset and blocks.network = days.network and blocks.value_date = days.value_date
    left join {{ ref('onchain_value_daily') }} as supply
        on blocks.asset = supply.asset and blocks.network = supply.network and blocks.value_date = supply.value_date
) as daily
where
    daily.supply_native is null
    or (daily.has_flows and daily.supply_native - daily.supply_before <> daily.issued_native - daily.unspendable_native)
