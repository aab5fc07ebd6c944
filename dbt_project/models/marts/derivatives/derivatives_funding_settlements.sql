with served as (
    select * from {{ ref('stg_binance_funding__funding') }}
    union all
    select * from {{ ref('stg_binance_recent_funding__funding') }}
    union all
    select * from {{ ref('stg_coinglass_funding__funding') }}
    union all
    select * from {{ ref('stg_okx_funding__funding') }}
    union all
    select * from {{ ref('stg_bybit_funding__funding') }}
    union all
    select * from {{ ref('stg_hyperliquid_funding__funding') }}
),

newest as (
    {{ newest_rows('served', 'source, asset, venue, contract, kind, settled_at') }}
),

-- A venue's file of a month comes before its interface (binance_funding, binance_recent_funding).
chosen as (
    select
        *,
        row_number() over (partition by asset, venue, contract, kind, settled_at order by source) as best_first
    from newest
    where rate is not null
),

spaced as (
    select
        *,
        {{ hours_between('lag(settled_at) over contracts', 'settled_at') }} as hours_before,
        {{ hours_between('settled_at', 'lead(settled_at) over contracts') }} as hours_after
    from chosen
    where best_first = 1
    window contracts as (partition by asset, venue, contract, kind order by settled_at)
)

-- Where nobody says for how many hours a rate is, it is those to the nearer of its neighbours.
select
    asset,
    venue,
    contract,
    kind,
    settled_at,
    value_date,
    rate,
    coalesce(
        interval_hours,
        cast(
            case
                when least(coalesce(hours_before, 25), coalesce(hours_after, 25)) <= 24
                    then least(coalesce(hours_before, 25), coalesce(hours_after, 25))
            end as integer
        )
    ) as interval_hours,
    observed_at as last_changed_at
from spaced
