{{ config(meta={'dagster': {'ref': {'name': 'onchain_age_bands_daily'}}}) }}

select
    supply.asset,
    supply.network,
    supply.value_date,
    supply.supply_native,
    sum(bands.supply_native) as bands_native
from {{ ref('onchain_value_daily') }} as supply
left join {{ ref('onchain_age_bands_daily') }} as bands
    on supply.asset = bands.asset and supply.network = bands.network and supply.value_date = bands.value_date
left join {{ ref('onchain_tokens') }} as tokens on supply.asset = tokens.asset and supply.network = tokens.network
group by supply.asset, supply.network, supply.value_date, supply.supply_native, tokens.decimals
having
    abs(sum(bands.supply_native) - supply.supply_native) > {{ rounding('tokens.decimals', 'count(*)') }}
    or min(bands.supply_native) < 0
    or count(bands.age_band) <> {{ age_bands() | length }}
