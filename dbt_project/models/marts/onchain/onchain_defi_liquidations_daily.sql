with sums as (
    select
        network,
        protocol,
        collateral_token,
        debt_token,
        value_date,
        count(*) as liquidations,
        {{ sum_if_all_known(bounded_units('collateral_units'), '*') }} as collateral_units,
        {{ sum_if_all_known(bounded_units('debt_units'), '*') }} as debt_units
    from {{ ref('stg_evm__liquidations') }}
    group by network, protocol, collateral_token, debt_token, value_date
),

named as (
    select
        sums.network,
        sums.protocol,
        coalesce(collateral.asset, sums.collateral_token) as collateral_asset,
        coalesce(debt.asset, sums.debt_token) as debt_asset,
        sums.value_date,
        sums.liquidations,
        {{ native_from_units('sums.collateral_units', 'collateral.decimals') }} as collateral_native,
        {{ native_from_units('sums.debt_units', 'debt.decimals') }} as debt_native
    from sums
    left join {{ ref('int_tokens__listed') }} as collateral
        on sums.network = collateral.network and sums.collateral_token = collateral.address
    left join {{ ref('int_tokens__listed') }} as debt on sums.network = debt.network and sums.debt_token = debt.address
)

select
    named.network,
    named.protocol,
    named.collateral_asset,
    named.debt_asset,
    named.value_date,
    named.liquidations,
    named.collateral_native,
    named.debt_native,
    cast(named.collateral_native as double) * collateral_closes.close_usd as collateral_usd,
    cast(named.debt_native as double) * debt_closes.close_usd as debt_usd,
    protocols.provenance
from named
left join {{ ref('int_onchain__closes') }} as collateral_closes
    on
        named.collateral_asset = collateral_closes.asset
        and named.network = collateral_closes.network
        and named.value_date = collateral_closes.value_date
left join {{ ref('int_onchain__closes') }} as debt_closes
    on
        named.debt_asset = debt_closes.asset
        and named.network = debt_closes.network
        and named.value_date = debt_closes.value_date
-- No protocol has contracts of both kinds on one network.
left join (select distinct network, protocol, provenance from {{ ref('int_tokens__contracts') }}) as protocols
    on named.network = protocols.network and named.protocol = protocols.protocol
