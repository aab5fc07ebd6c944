with spans as (
    select
        asset,
        network,
        8 as decimals,
        false as is_token,
        min(value_date) as first_date,
        max(value_date) as last_date,
        {{ add_days('max(value_date)', -1) }} as settled_date,
        min(first_height) = 0 as is_from_genesis
    from {{ ref('stg_bitcoin__blocks_daily') }}
    group by asset, network
    union all
    select
        asset,
        network,
        decimals,
        true as is_token,
        first_date,
        last_date,
        settled_date,
        true as is_from_genesis
    from {{ ref('onchain_tokens') }}
    where is_matched
),

numbered as (
    select
        spans.*,
        {{ each_from_zero(days_between('first_date', 'last_date')) }} as day_number
    from spans
),

days as (
    select
        *,
        {{ add_days('first_date', 'day_number') }} as value_date
    from numbered
),

pending as (
    select distinct
        asset,
        network,
        value_date
    from {{ ref('stg_bitcoin__blocks_daily') }}
    where unfolded_blocks > 0
)

select
    days.asset,
    days.network,
    days.decimals,
    days.is_token,
    days.value_date,
    days.day_number,
    days.first_date,
    days.last_date,
    -- A snapshot's day began before it, so flows are known from the next day on.
    days.is_from_genesis or days.day_number > 0 as has_flows,
    days.is_from_genesis,
    days.value_date <= days.settled_date and pending.value_date is null as is_final
from days
left join pending
    on days.asset = pending.asset and days.network = pending.network and days.value_date = pending.value_date
