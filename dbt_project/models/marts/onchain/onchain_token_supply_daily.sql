with issued as (
    select
        asset,
        network,
        value_date,
        sum(case kind when 'mint' then amount_units else 0 end) as minted_units,
        sum(case kind when 'burn' then amount_units else 0 end) as burned_units
    from {{ ref('int_tokens__coins') }}
    group by asset, network, value_date
),

daily as (
    select
        days.asset,
        days.network,
        days.value_date,
        days.decimals,
        days.is_final,
        coalesce(issued.minted_units, 0) as minted_units,
        coalesce(issued.burned_units, 0) as burned_units,
        coalesce(lots.new_holders, 0) as new_holders
    from {{ ref('int_onchain__days') }} as days
    inner join {{ ref('onchain_tokens') }} as tokens on days.asset = tokens.asset and days.network = tokens.network
    left join issued
        on days.asset = issued.asset and days.network = issued.network and days.value_date = issued.value_date
    left join {{ ref('int_tokens__lots') }} as lots
        on
            {{ number_of('tokens.network, tokens.address') }} = lots.token_number
            and days.value_date = lots.value_date
            and lots.kind = 'holders'
    where days.is_token
)

select
    asset,
    network,
    value_date,
    {{ native_from_units('minted_units', 'decimals') }} as minted_native,
    {{ native_from_units('burned_units', 'decimals') }} as burned_native,
    {{ native_from_units('sum(minted_units - burned_units) over so_far', 'decimals') }} as supply_native,
    cast(sum(new_holders) over so_far as bigint) as holders,
    is_final
from daily
window so_far as (partition by asset, network order by value_date rows between unbounded preceding and current row)
