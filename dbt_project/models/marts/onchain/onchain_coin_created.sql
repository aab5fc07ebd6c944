select
    asset,
    network,
    birth_date,
    kind,
    {{ native_from_sats("sum(" ~ sats('amount_sats') ~ ")") }} as amount_native,
    cast(sum(coins) as bigint) as coins
from {{ ref('stg_bitcoin__coin_created') }}
group by asset, network, birth_date, kind
union all
select
    tokens.asset,
    tokens.network,
    tokens.birth_date,
    tokens.kind,
    {{ native_from_units('tokens.amount_units', 'days.decimals') }} as amount_native,
    tokens.coins
from {{ ref('int_tokens__coins') }} as tokens
inner join {{ ref('int_onchain__days') }} as days
    on tokens.asset = days.asset and tokens.network = days.network and tokens.birth_date = days.value_date
where not tokens.is_spent
