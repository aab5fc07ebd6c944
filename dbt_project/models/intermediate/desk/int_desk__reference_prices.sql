with fund_navs as (
    select
        asset,
        as_of_date as trade_date,
        nav_usd / native_per_share as reference_usd,
        row_number() over (
            partition by asset, as_of_date order by coalesce(shares_outstanding * nav_usd, 0) desc, ticker
        ) as largest_first
    from {{ ref('etf_holdings_daily') }}
    where nav_usd is not null and native_per_share is not null
),

closes as (
    select
        asset,
        price_date as trade_date,
        close_usd
    from {{ ref('market_prices_daily') }}
    where venue = '{{ var("valuation_venue") }}' and close_usd is not null
)

select
    coalesce(fund_navs.asset, closes.asset) as asset,
    coalesce(fund_navs.trade_date, closes.trade_date) as trade_date,
    coalesce(fund_navs.reference_usd, closes.close_usd) as reference_usd,
    case when fund_navs.asset is not null then 'peer_nav' else 'utc_close' end as reference_method,
    closes.close_usd
from (select * from fund_navs where largest_first = 1) as fund_navs
full outer join closes on fund_navs.asset = closes.asset and fund_navs.trade_date = closes.trade_date
