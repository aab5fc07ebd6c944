{{ config(meta={'dagster': {'ref': {'name': 'onchain_cost_basis'}}}) }}

select
    supply.asset,
    supply.network,
    supply.value_date,
    supply.supply_native,
    supply.unpriced_native
from {{ ref('onchain_value_daily') }} as supply
inner join {{ ref('onchain_cost_basis') }} as buckets
    on supply.asset = buckets.asset and supply.network = buckets.network and supply.value_date = buckets.value_date
left join {{ ref('onchain_tokens') }} as tokens on supply.asset = tokens.asset and supply.network = tokens.network
group by
    supply.asset, supply.network, supply.value_date, supply.supply_native, supply.unpriced_native, tokens.decimals
having
    abs(sum(buckets.supply_native) - supply.supply_native) > {{ rounding('tokens.decimals', 'count(*)') }}
    or sum(case when buckets.price_bucket_usd = -1 then buckets.supply_native else 0 end) <> supply.unpriced_native
