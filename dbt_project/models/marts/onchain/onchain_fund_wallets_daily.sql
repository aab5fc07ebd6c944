with wallets as (
    select
        ticker,
        network,
        address,
        provenance,
        label_verdict
    from {{ ref('fund_addresses') }}
    union all
    select
        ticker,
        network,
        address,
        provenance,
        label_verdict
    from {{ ref('stg_own_seeds__fund_addresses') }}
)

select
    wallets.ticker,
    -- An empty token address is the chain's own coin, which is ether on every chain in the seeds.
    coalesce(tokens.asset, 'ETH') as asset,
    balances.network,
    balances.address,
    balances.value_date,
    {{ native_from_units('balances.balance_units', 'coalesce(tokens.decimals, 18)') }} as balance_native,
    wallets.provenance,
    wallets.label_verdict
from {{ ref('stg_evm__balances') }} as balances
inner join wallets
    on balances.network = wallets.network and balances.address = wallets.address
left join {{ ref('int_tokens__listed') }} as tokens on balances.network = tokens.network and balances.token = tokens.address
where balances.token = '' or tokens.address is not null
