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

changes as (
    select
        network,
        token,
        holder,
        value_date,
        sum(case when kind in ('mint', 'received') then amount_units else -amount_units end) as change_units
    from {{ ref('int_tokens__lots') }}
    where kind not in ('settled', 'unspent')
    group by network, token, holder, value_date
),

balances as (
    select
        network,
        token,
        value_date,
        change_units,
        sum(change_units) over (partition by holder order by value_date) as balance_units
    from changes
),

holders as (
    select
        network,
        token,
        value_date,
        count(case when balance_units > 0 and balance_units = change_units then 1 end)
        - count(case when balance_units = 0 and change_units < 0 then 1 end) as new_holders
    from balances
    group by network, token, value_date
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
        coalesce(holders.new_holders, 0) as new_holders
    from {{ ref('int_onchain__days') }} as days
    inner join {{ ref('onchain_tokens') }} as tokens on days.asset = tokens.asset and days.network = tokens.network
    left join issued
        on days.asset = issued.asset and days.network = issued.network and days.value_date = issued.value_date
    left join holders
        on
            tokens.network = holders.network
            and tokens.address = holders.token
            and days.value_date = holders.value_date
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
