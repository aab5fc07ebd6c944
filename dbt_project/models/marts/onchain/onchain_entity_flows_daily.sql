with labelled as (
    select
        network,
        entity,
        case when min(kind) = max(kind) then min(kind) end as kind,
        count(*) as addresses_count
    from {{ ref('int_tokens__entities') }}
    group by network, entity
),

watched as (
    select
        since.asset,
        since.network,
        since.entity,
        max(since.entity_height) as since_height,
        count(*) as addresses_count,
        count(entities.address) as labelled_count
    from {{ ref('stg_bitcoin__watched_since') }} as since
    left join {{ ref('int_tokens__entities') }} as entities
        on since.network = entities.network and since.address = entities.address and since.entity = entities.entity
    where since.entity is not null
    group by since.asset, since.network, since.entity
),

blocks as (
    select
        asset,
        network,
        value_date,
        min(first_height) as first_height
    from {{ ref('stg_bitcoin__blocks_daily') }}
    group by asset, network, value_date
),

-- Flows are known of an entity while the addresses that are watched as its own are those that it is said to have now.
known as (
    select
        watched.asset,
        watched.network,
        watched.entity,
        labelled.kind,
        watched.addresses_count,
        min(blocks.value_date) as watched_from_date
    from watched
    inner join labelled
        on
            watched.network = labelled.network
            and watched.entity = labelled.entity
            and watched.addresses_count = labelled.addresses_count
    inner join blocks
        on
            watched.asset = blocks.asset
            and watched.network = blocks.network
            and watched.since_height <= blocks.first_height
    where watched.addresses_count = watched.labelled_count
    group by watched.asset, watched.network, watched.entity, labelled.kind, watched.addresses_count
),

sums as (
    select
        asset,
        network,
        entity,
        value_date,
        sum({{ sats('in_sats') }}) as in_sats,
        sum({{ sats('out_sats') }}) as out_sats
    from {{ ref('stg_bitcoin__entity_flow') }}
    group by asset, network, entity, value_date
)

select
    known.asset,
    known.network,
    known.entity,
    days.value_date,
    known.kind,
    {{ native_from_sats('coalesce(sums.in_sats, 0)') }} as inflow_native,
    {{ native_from_sats('coalesce(sums.out_sats, 0)') }} as outflow_native,
    {{ native_from_sats('coalesce(sums.in_sats - sums.out_sats, 0)') }} as net_flow_native,
    cast(known.addresses_count as bigint) as addresses_count,
    known.watched_from_date,
    days.is_final
from known
inner join {{ ref('int_onchain__days') }} as days
    on
        known.asset = days.asset
        and known.network = days.network
        and not days.is_token
        and known.watched_from_date <= days.value_date
left join sums
    on
        known.asset = sums.asset
        and known.network = sums.network
        and known.entity = sums.entity
        and days.value_date = sums.value_date
