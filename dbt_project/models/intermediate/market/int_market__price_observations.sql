select * from {{ ref('stg_binance_vision__bars_daily') }}
union all
select * from {{ ref('stg_prices__closes') }}
union all
select * from {{ ref('stg_coin_metrics__closes') }}
union all
select
    source,
    asset,
    series as venue,
    value_date,
    'close_usd' as metric,
    observed_at,
    raw_text,
    value / 100 as value,
    archive_sha256
from {{ ref('stg_bitview__supply') }}
where metric = 'price_close_cents'
