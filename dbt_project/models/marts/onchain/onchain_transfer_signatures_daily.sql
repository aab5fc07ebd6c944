with sums as (
    select
        asset,
        network,
        spend_date,
        signature,
        sum(blocks) as blocks,
        sum(transactions) as transfer_count,
        sum({{ sats('lth_sats') }}) as lth_sats,
        sum({{ sats('spent_sats') }}) as moved_sats,
        sum(large_transactions) as large_count,
        sum({{ sats('large_lth_sats') }}) as large_lth_sats
    from {{ ref('stg_bitcoin__transfer_signatures') }}
    group by asset, network, spend_date, signature
),

blocks as (
    select
        asset,
        network,
        value_date,
        sum(blocks) as blocks
    from {{ ref('stg_bitcoin__blocks_daily') }}
    group by asset, network, value_date
),

-- A signature is known on a day whose every block was read with its transactions.
days as (
    select
        days.asset,
        days.network,
        days.value_date,
        days.is_final,
        signatures.signature,
        signatures.is_house_keeping,
        case when blocks.blocks is null then 0 else sums.blocks end = coalesce(blocks.blocks, 0) and days.has_flows
            as is_known,
        coalesce(sums.transfer_count, 0) as transfer_count,
        coalesce(sums.lth_sats, 0) as lth_sats,
        coalesce(sums.moved_sats, 0) as moved_sats,
        coalesce(sums.large_count, 0) as large_count,
        coalesce(sums.large_lth_sats, 0) as large_lth_sats
    from {{ ref('int_onchain__days') }} as days
    cross join ({{ transfer_signatures() }}) as signatures
    left join blocks
        on days.asset = blocks.asset and days.network = blocks.network and days.value_date = blocks.value_date
    left join sums
        on
            days.asset = sums.asset
            and days.network = sums.network
            and days.value_date = sums.spend_date
            and signatures.signature = sums.signature
    where not days.is_token
),

known as (
    select
        *,
        sum(lth_sats) over (partition by asset, network, value_date) as day_sats
    from days
    where is_known
),

-- Joined day by day: a range of days would be compared with all of history.
days_before as (
    select
        asset,
        network,
        value_date,
        signature,
        {{ each_from_zero(usual_days() - 1) }} as days_more
    from known
    where day_sats > 0
),

-- The median of an odd number of days is a figure of one of them.
usual as (
    select
        days_before.asset,
        days_before.network,
        days_before.value_date,
        days_before.signature,
        {{ sats('percentile_cont(0.5e0) within group (order by cast(earlier.lth_sats as double))') }} as usual_sats,
        {{ sats('percentile_cont(0.5e0) within group (order by cast(earlier.day_sats as double))') }} as usual_day_sats
    from days_before
    inner join known as earlier
        on
            days_before.asset = earlier.asset
            and days_before.network = earlier.network
            and days_before.signature = earlier.signature
            and {{ add_days('days_before.value_date', '-1 - days_before.days_more') }} = earlier.value_date
    group by days_before.asset, days_before.network, days_before.value_date, days_before.signature
    having count(*) = {{ usual_days() }}
),

scored as (
    select
        known.*,
        usual.usual_sats,
        usual.usual_day_sats,
        greatest(known.lth_sats - usual.usual_sats, 0) as excess_sats
    from known
    inner join usual
        on
            known.asset = usual.asset
            and known.network = usual.network
            and known.value_date = usual.value_date
            and known.signature = usual.signature
),

house_keeping as (
    select
        asset,
        network,
        value_date,
        sum(excess_sats) as excess_sats,
        sum(excess_sats) >= max(usual_day_sats) as is_unusual
    from scored
    where is_house_keeping
    group by asset, network, value_date
)

select
    days.asset,
    days.network,
    days.value_date,
    days.signature,
    days.is_house_keeping,
    cast(case when days.is_known then days.transfer_count end as bigint) as transfer_count,
    case when days.is_known then {{ native_from_sats('days.lth_sats') }} end as lth_spent_native,
    case when days.is_known then {{ native_from_sats('days.moved_sats') }} end as moved_native,
    cast(case when days.is_known then days.large_count end as bigint) as large_count,
    case when days.is_known then {{ native_from_sats('days.large_lth_sats') }} end as large_lth_spent_native,
    {{ native_from_sats('scored.usual_sats') }} as usual_native,
    {{ native_from_sats('scored.usual_day_sats') }} as usual_day_native,
    cast(scored.excess_sats as double) / scored.day_sats as score,
    cast(house_keeping.excess_sats as double) / scored.day_sats as day_score,
    coalesce(
        days.is_house_keeping
        and scored.excess_sats > 0
        and 2 * house_keeping.excess_sats >= scored.day_sats
        and house_keeping.is_unusual,
        false
    ) as is_flagged,
    days.is_final
from days
left join scored
    on
        days.asset = scored.asset
        and days.network = scored.network
        and days.value_date = scored.value_date
        and days.signature = scored.signature
left join house_keeping
    on
        days.asset = house_keeping.asset
        and days.network = house_keeping.network
        and days.value_date = house_keeping.value_date
