with checks as (
    {{ checks_answered_by('equities') }}
),

-- One row per session of the window, with or without a price.
closes as (
    select
        checks.claim_id,
        checks.check_id,
        sessions.session_date,
        prices.adjusted_close_usd,
        first_value(prices.adjusted_close_usd) over in_window as first_close_usd,
        last_value(prices.adjusted_close_usd) over in_window as last_close_usd
    from checks
    inner join {{ ref('market_sessions') }} as sessions
        on sessions.opens_at >= checks.window_start_at and sessions.closes_at <= checks.window_end_at
    left join {{ ref('equity_prices_daily') }} as prices
        on
            checks.ticker = prices.ticker
            and checks.source = prices.source
            and sessions.session_date = prices.price_date
    window in_window as (
        partition by checks.claim_id, checks.check_id
        order by sessions.session_date rows between unbounded preceding and unbounded following
    )
)

select
    checks.claim_id,
    checks.check_id,
    case checks.measure
        when 'close_to_close_pct' then (max(closes.last_close_usd) / max(closes.first_close_usd) - 1) * 100
    end as observed_value,
    count(closes.adjusted_close_usd) as rows_used,
    count(closes.session_date) as rows_expected,
    max(case when closes.adjusted_close_usd is not null then closes.session_date end) as as_of
from checks
left join closes on checks.claim_id = closes.claim_id and checks.check_id = closes.check_id
group by checks.claim_id, checks.check_id, checks.measure
