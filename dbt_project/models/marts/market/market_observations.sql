select * from {{ ref('stg_binance_vision__bars_daily') }}
union all
select * from {{ ref('stg_alternative_me__fng') }}
union all
select * from {{ ref('stg_prices__closes') }}
