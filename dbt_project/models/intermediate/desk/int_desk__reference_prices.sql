with fund_navs as (
    {{ largest_funds_prices(ref('etf_holdings_daily'), 'as_of_date') }}
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
from fund_navs
full outer join closes on fund_navs.asset = closes.asset and fund_navs.trade_date = closes.trade_date
