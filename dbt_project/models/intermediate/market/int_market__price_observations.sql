select * from {{ ref('stg_binance_vision__bars_daily') }}
union all
select * from {{ ref('stg_prices__closes') }}
