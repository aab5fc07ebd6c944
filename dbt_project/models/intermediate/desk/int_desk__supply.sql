-- A node's supply counts before a publisher's; all definitions of one series have the same.
with known as (
    select
        asset,
        value_date,
        supply_native,
        supply_method
    from (
        select
            *,
            case when series = 'derived' then 'own_node' else 'published' end as supply_method,
            row_number() over (
                partition by asset, value_date
                order by case when series = 'derived' then 0 else 1 end, series, definition_id
            ) as choice
        from {{ ref('onchain_holder_supply_daily') }}
        where asset = 'BTC' and network = 'main' and is_final and supply_native is not null
    ) as by_series
    where choice = 1
),

days as (
    select
        sessions.session_date as value_date,
        'BTC' as asset
    from {{ ref('market_sessions') }} as sessions
    union
    select
        value_date,
        asset
    from known
),

last_known as (
    select
        days.asset,
        days.value_date,
        max(known.value_date) over (
            partition by days.asset order by days.value_date rows between unbounded preceding and current row
        ) as known_date
    from days
    left join known on days.asset = known.asset and days.value_date = known.value_date
)

-- The subsidy of a block was halved each time that half of the coins to come had been issued.
select
    last_known.asset,
    last_known.value_date,
    cast(known.supply_native as double)
    + {{ days_between('last_known.known_date', 'last_known.value_date') }} * 144 * 50
    / cast(
        cast(1 as bigint) << cast(floor(-log2(1 - cast(known.supply_native as double) / 21000000)) as integer) as double
    ) as supply_native,
    case when last_known.known_date = last_known.value_date then known.supply_method else 'schedule' end as supply_method
from last_known
inner join known on last_known.asset = known.asset and last_known.known_date = known.value_date
