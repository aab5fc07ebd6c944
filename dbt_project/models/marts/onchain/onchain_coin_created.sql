select
    asset,
    network,
    birth_date,
    kind,
    {{ native_from_sats("sum(" ~ sats('amount_sats') ~ ")") }} as amount_native,
    cast(sum(coins) as bigint) as coins
from {{ ref('stg_bitcoin__coin_created') }}
group by asset, network, birth_date, kind
