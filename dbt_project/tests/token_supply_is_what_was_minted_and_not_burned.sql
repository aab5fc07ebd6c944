{{ config(meta={'dagster': {'ref': {'name': 'onchain_token_supply_daily'}}}) }}

-- Computed in two ways: running sums of transfers from and to the zero address, and of coins created and spent by age.
select
    tokens.*,
    value.supply_native as held_native
from {{ ref('onchain_token_supply_daily') }} as tokens
left join {{ ref('onchain_value_daily') }} as value
    on tokens.asset = value.asset and tokens.network = value.network and tokens.value_date = value.value_date
where value.supply_native is null or tokens.supply_native <> value.supply_native or tokens.holders < 0
