with observed as (
    select * from {{ ref('stg_bitfinex_liquidations__liquidations') }}
    union all
    select * from {{ ref('stg_coinalyze_liquidations__liquidations') }}
    union all
    select * from {{ ref('stg_coinglass_liquidations__liquidations') }}
    union all
    select * from {{ ref('stg_gate_liquidations__liquidations') }}
    union all
    select * from {{ ref('stg_hyperliquid_adl__liquidations') }}
    union all
    select * from {{ ref('stg_hyperliquid_liquidations__liquidations') }}
    union all
    select * from {{ ref('stg_kraken_liquidations__liquidations') }}
    union all
    select * from {{ ref('stg_liquidation_stream__liquidations') }}
),

newest as (
    {{ newest_rows('observed', 'asset, venue, coverage, side, period_start_at') }}
)

select
    source,
    asset,
    venue,
    coverage,
    side,
    period_start_at,
    value_date,
    notional_usd,
    events,
    largest_usd,
    covered_seconds,
    period_seconds,
    observed_at
from newest
