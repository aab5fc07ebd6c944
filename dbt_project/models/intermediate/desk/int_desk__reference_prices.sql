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
),

-- 16:00 is six and a half hours after a session opens, also where it closes early: the end of the bar that opened an
-- hour before.
at_new_york as (
    select
        bars.asset,
        sessions.session_date as trade_date,
        bars.close_usd as close_new_york_usd
    from {{ ref('market_sessions') }} as sessions
    inner join {{ ref('market_bars_hourly') }} as bars
        on sessions.opens_at + interval '330' minute = bars.open_at
    where
        bars.venue = '{{ var("valuation_venue") }}'
        and bars.instrument_kind = 'spot'
        and bars.quote_asset = 'USDT'
        and bars.is_complete
),

known as (
    select
        asset,
        trade_date
    from fund_navs
    union
    select
        asset,
        trade_date
    from closes
    union
    select
        asset,
        trade_date
    from at_new_york
)

select
    known.asset,
    known.trade_date,
    coalesce(fund_navs.reference_usd, at_new_york.close_new_york_usd, closes.close_usd) as reference_usd,
    case
        when fund_navs.asset is not null then 'peer_nav'
        when at_new_york.asset is not null then 'new_york'
        else 'utc_close'
    end as reference_method,
    closes.close_usd,
    at_new_york.close_new_york_usd
from known
left join fund_navs on known.asset = fund_navs.asset and known.trade_date = fund_navs.trade_date
left join closes on known.asset = closes.asset and known.trade_date = closes.trade_date
left join at_new_york on known.asset = at_new_york.asset and known.trade_date = at_new_york.trade_date
