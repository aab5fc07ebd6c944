select
    tokens.asset,
    tokens.network,
    lots.value_date,
    lots.birth_date,
    case lots.kind when 'received' then 'transfer' else lots.kind end as kind,
    lots.kind in ('transfer', 'burn') as is_spent,
    lots.amount_units,
    lots.lots as coins
from {{ ref('int_tokens__lots') }} as lots
inner join {{ ref('onchain_tokens') }} as tokens
    on lots.token_number = {{ number_of('tokens.network, tokens.address') }}
where tokens.is_matched and lots.kind in ('mint', 'received', 'transfer', 'burn')
