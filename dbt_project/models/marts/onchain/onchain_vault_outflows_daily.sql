-- Transfers between pools and users' balances in one transaction stay in the vault: only the difference is a flow.
with net as (
    select
        network,
        protocol,
        vault,
        token,
        value_date,
        transaction_hash,
        {{ sum_if_all_known(bounded_units('delta_units'), '*') }} as net_units
    from {{ ref('stg_evm__vault_changes') }}
    group by network, protocol, vault, token, value_date, transaction_hash
),

daily as (
    select
        network,
        protocol,
        vault,
        token,
        value_date,
        -{{ sum_if_all_known('case when net_units > 0 then 0 else net_units end', '*') }} as outflow_units,
        {{ sum_if_all_known('case when net_units < 0 then 0 else net_units end', '*') }} as inflow_units
    from net
    group by network, protocol, vault, token, value_date
)

select
    daily.network,
    daily.protocol,
    daily.vault,
    coalesce(tokens.asset, daily.token) as asset,
    daily.value_date,
    {{ native_from_units('daily.outflow_units', 'tokens.decimals') }} as outflow_native,
    {{ native_from_units('daily.inflow_units', 'tokens.decimals') }} as inflow_native,
    contracts.provenance
from daily
left join {{ ref('int_tokens__listed') }} as tokens on daily.network = tokens.network and daily.token = tokens.address
left join {{ ref('int_tokens__contracts') }} as contracts
    on daily.network = contracts.network and daily.vault = contracts.address
