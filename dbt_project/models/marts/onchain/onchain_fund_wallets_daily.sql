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
),

account_balances as (
    select
        -- An empty token address is the chain's own coin, which is ether on every chain in the seeds.
        coalesce(tokens.asset, 'ETH') as asset,
        balances.network,
        balances.address,
        balances.value_date,
        {{ native_from_units('balances.balance_units', 'coalesce(tokens.decimals, 18)') }} as balance_native
    from {{ ref('stg_evm__balances') }} as balances
    left join {{ ref('int_tokens__listed') }} as tokens
        on balances.network = tokens.network and balances.token = tokens.address
    where balances.token = '' or tokens.address is not null
),

changes as (
    select
        asset,
        network,
        address,
        value_date,
        sum({{ sats('received_sats') }}) - sum({{ sats('sent_sats') }}) as change_sats
    from {{ ref('stg_bitcoin__watched_flow') }}
    group by asset, network, address, value_date
),

first_changes as (
    select
        asset,
        network,
        address,
        min(value_date) as value_date
    from changes
    group by asset, network, address
),

-- From the first day on which a coin of the address moved; where none did, the newest day alone.
wallet_days as (
    select
        days.asset,
        days.network,
        wallets.address,
        days.value_date
    from (select distinct network, address from wallets) as wallets
    inner join {{ ref('int_onchain__days') }} as days on wallets.network = days.network and not days.is_token
    left join first_changes
        on
            days.asset = first_changes.asset
            and days.network = first_changes.network
            and wallets.address = first_changes.address
    where days.value_date >= coalesce(first_changes.value_date, days.last_date)
),

-- Coins that came before an address was watched are unknown.
coin_balances as (
    select
        wallet_days.asset,
        wallet_days.network,
        wallet_days.address,
        wallet_days.value_date,
        case
            when since.address_height = 0
                then
                    sum(coalesce(changes.change_sats, 0)) over (
                        partition by wallet_days.asset, wallet_days.network, wallet_days.address
                        order by wallet_days.value_date
                    )
        end as balance_sats
    from wallet_days
    left join changes
        on
            wallet_days.asset = changes.asset
            and wallet_days.network = changes.network
            and wallet_days.address = changes.address
            and wallet_days.value_date = changes.value_date
    left join {{ ref('stg_bitcoin__watched_since') }} as since
        on
            wallet_days.asset = since.asset
            and wallet_days.network = since.network
            and wallet_days.address = since.address
),

balances as (
    select
        asset,
        network,
        address,
        value_date,
        balance_native
    from account_balances
    union all
    select
        asset,
        network,
        address,
        value_date,
        {{ native_from_sats('balance_sats') }} as balance_native
    from coin_balances
)

select
    wallets.ticker,
    balances.asset,
    balances.network,
    balances.address,
    balances.value_date,
    balances.balance_native,
    wallets.provenance,
    wallets.label_verdict
from balances
inner join wallets
    on balances.network = wallets.network and balances.address = wallets.address
