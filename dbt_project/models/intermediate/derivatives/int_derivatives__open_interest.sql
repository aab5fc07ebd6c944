with served as (
    select * from {{ ref('stg_binance_open_interest__open_interest') }}
    union all
    select * from {{ ref('stg_binance_recent_open_interest__open_interest') }}
    union all
    select * from {{ ref('stg_coinglass_open_interest__open_interest') }}
    union all
    select * from {{ ref('stg_okx_open_interest__open_interest') }}
    union all
    select * from {{ ref('stg_bybit_open_interest__open_interest') }}
    union all
    select * from {{ ref('stg_hyperliquid_open_interest__open_interest') }}
),

newest as (
    {{ newest_rows('served', 'source, asset, venue, contract, period_minutes, snapshot_at') }}
),

-- A venue's file of a day comes before its interface (binance_open_interest, binance_recent_…), five minutes before
-- four hours.
chosen as (
    select
        *,
        row_number() over (
            partition by asset, venue, contract, snapshot_at order by period_minutes, source
        ) as best_first
    from newest
    where open_interest_native is not null or open_interest_usd is not null
)

select
    asset,
    venue,
    contract,
    snapshot_at,
    value_date,
    period_minutes,
    margin_kind,
    open_interest_native,
    open_interest_usd,
    coalesce(high_usd, open_interest_usd) as high_usd,
    coalesce(low_usd, open_interest_usd) as low_usd,
    observed_at
from chosen
where best_first = 1
