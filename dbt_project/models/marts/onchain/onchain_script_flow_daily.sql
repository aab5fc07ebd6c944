with sums as (
    select
        asset,
        network,
        spend_date,
        cohort,
        script,
        sum({{ sats('amount_sats') }}) as amount_sats,
        sum(coins) as coins
    from {{ ref('stg_bitcoin__script_flow') }}
    group by asset, network, spend_date, cohort, script
)

select
    asset,
    network,
    spend_date as value_date,
    cohort,
    script,
    {{ native_from_sats('amount_sats') }} as amount_native,
    cast(coins as bigint) as coins
from sums
