with closes as (
    select
        asset,
        venue,
        price_date,
        close_usd,
        -- Its digits suit the price of any coin: 20 before the point, 18 after it.
        cast(sum({{ fixed('close_usd', 18) }}) over last_200_days as double)
        / count(close_usd) over last_200_days as mean_usd,
        cast(count(close_usd) over last_200_days as integer) as sma_days,
        max(close_usd) over (
            partition by asset, venue order by price_date rows between unbounded preceding and current row
        ) as highest_close_usd
    from {{ ref('market_prices_daily') }}
    window last_200_days as (
        partition by asset, venue order by price_date rows between 199 preceding and current row
    )
)

select
    asset,
    venue,
    price_date,
    close_usd,
    case when sma_days = 200 then mean_usd end as sma_200d_usd,
    sma_days,
    (close_usd / highest_close_usd - 1) * 100 as drawdown_pct
from closes
