with sums as (
    select
        asset,
        network,
        value_date,
        sum(blocks) as blocks,
        sum(transactions) as transactions,
        sum(spends) as spends,
        sum({{ sats('subsidy_sats') }}) as subsidy_sats,
        -- Unknown where a block's body was not read.
        {{ sum_if_all_known('outputs', '*') }} as outputs,
        {{ sum_if_all_known(sats('fees_sats'), '*') }} as fees_sats,
        {{ sum_if_all_known(sats('unclaimed_sats'), '*') }} as unclaimed_sats,
        {{ sum_if_all_known(sats('unspendable_sats'), '*') }} as unspendable_sats
    from {{ ref('stg_bitcoin__blocks_daily') }}
    group by asset, network, value_date
),

coinbase as (
    select
        asset,
        network,
        birth_date as value_date,
        sum({{ sats('amount_sats') }}) as created_sats
    from {{ ref('stg_bitcoin__coin_created') }}
    where kind = 'coinbase'
    group by asset, network, birth_date
),

daily as (
    select
        days.asset,
        days.network,
        days.value_date,
        days.is_final,
        coalesce(sums.blocks, 0) as blocks,
        coalesce(sums.transactions, 0) as transactions,
        coalesce(sums.spends, 0) as spends,
        case when sums.value_date is null then 0 else sums.outputs end as outputs,
        -- The first coinbase is unspendable, so its difference is not a fee; a snapshot's day is only partly known.
        case
            when sums.value_date is null then 0
            when sums.fees_sats is not null then sums.fees_sats
            when days.has_flows then greatest(coalesce(coinbase.created_sats, 0) - sums.subsidy_sats, 0)
        end as fees_sats,
        coalesce(sums.subsidy_sats, 0) as subsidy_sats,
        case when sums.value_date is null then 0 else sums.unclaimed_sats end as unclaimed_sats,
        case when sums.value_date is null then 0 else sums.unspendable_sats end as unspendable_sats
    from {{ ref('int_onchain__days') }} as days
    left join sums
        on days.asset = sums.asset and days.network = sums.network and days.value_date = sums.value_date
    left join coinbase
        on
            days.asset = coinbase.asset
            and days.network = coinbase.network
            and days.value_date = coinbase.value_date
    where not days.is_token
)

select
    asset,
    network,
    value_date,
    cast(blocks as bigint) as blocks,
    cast(transactions as bigint) as transactions,
    cast(spends as bigint) as spends,
    cast(outputs as bigint) as outputs,
    {{ native_from_sats('fees_sats') }} as fees_native,
    {{ native_from_sats('subsidy_sats') }} as subsidy_native,
    {{ native_from_sats('unclaimed_sats') }} as unclaimed_native,
    {{ native_from_sats('subsidy_sats - unclaimed_sats') }} as issued_native,
    {{ native_from_sats('unspendable_sats') }} as unspendable_native,
    is_final
from daily
