{{ config(meta={'dagster': {'ref': {'name': 'onchain_lth_flows_daily'}}}) }}

-- And it is the change of long-term supply: exactly by a step of coins of eight digits, within the rounding of three
-- figures otherwise.
with supply as (
    select
        *,
        lag(lth_native, 1, 0) over (partition by asset, network, definition_id order by value_date) as lth_before
    from {{ ref('onchain_holder_supply_daily') }}
    where series = 'derived'
)

select
    flows.*,
    supply.lth_native - supply.lth_before as lth_change_native
from {{ ref('onchain_lth_flows_daily') }} as flows
inner join supply
    on
        flows.asset = supply.asset
        and flows.network = supply.network
        and flows.definition_id = supply.definition_id
        and flows.value_date = supply.value_date
left join {{ ref('holder_definitions') }} as definitions on flows.definition_id = definitions.definition_id
left join {{ ref('onchain_tokens') }} as tokens on flows.asset = tokens.asset and flows.network = tokens.network
where
    flows.series = 'derived'
    and (
        flows.net_change_native <> flows.matured_native - flows.spent_native
        or abs(flows.net_change_native - (supply.lth_native - supply.lth_before))
        > case when definitions.kind = 'step' and coalesce(tokens.decimals, 8) <= 8 then 0 else 2 * {{ unit(8) }} end
    )
