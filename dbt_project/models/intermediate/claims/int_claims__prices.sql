with checks as (
    {{ checks_answered_by('prices') }}
),

bars as (
    select
        checks.claim_id,
        checks.check_id,
        prices.price_date,
        prices.high_usd,
        prices.low_usd,
        prices.close_usd,
        first_value(prices.open_usd) over in_window as open_usd,
        first_value(prices.high_usd) over in_window as first_high_usd,
        last_value(prices.close_usd) over in_window as last_close_usd,
        last_value(prices.low_usd) over in_window as last_low_usd,
        max(prices.price_date) over in_window as last_date
    from checks
    inner join {{ ref('market_prices_daily') }} as prices
        on
            checks.asset = prices.asset
            and checks.source = prices.venue
            and {{ is_day_in_window('prices.price_date') }}
    window in_window as (
        partition by checks.claim_id, checks.check_id
        order by prices.price_date rows between unbounded preceding and unbounded following
    )
),

spans as (
    select
        claim_id,
        check_id,
        max(open_usd) as open_usd,
        max(first_high_usd) as first_high_usd,
        max(high_usd) as high_usd,
        min(low_usd) as low_usd,
        max(last_close_usd) as close_usd,
        {{ exact_sum('close_usd') }} / count(close_usd) as mean_close_usd,
        max(case when price_date < last_date and low_usd <= last_low_usd then price_date end) as last_as_low_date,
        count(low_usd) as days,
        max(last_date) as last_date
    from bars
    group by claim_id, check_id
)

select
    checks.claim_id,
    checks.check_id,
    case checks.measure
        when 'low_usd' then spans.low_usd
        when 'high_usd' then spans.high_usd
        when 'close_usd' then spans.close_usd
        when 'mean_close_usd' then spans.mean_close_usd
        when 'open_to_low_usd' then spans.low_usd - spans.open_usd
        when 'high_to_low_usd' then spans.low_usd - spans.high_usd
        when 'open_to_close_usd' then spans.close_usd - spans.open_usd
        when 'open_to_low_pct' then (spans.low_usd / spans.open_usd - 1) * 100
        when 'high_to_low_pct' then (spans.low_usd / spans.high_usd - 1) * 100
        when 'open_to_close_pct' then (spans.close_usd / spans.open_usd - 1) * 100
        when 'high_to_close_pct' then (spans.close_usd / spans.high_usd - 1) * 100
        when 'first_high_to_close_pct' then (spans.close_usd / spans.first_high_usd - 1) * 100
        when 'mean_to_close_pct' then (spans.close_usd / spans.mean_close_usd - 1) * 100
        when 'month_last_as_low' then month(spans.last_as_low_date)
    end as observed_value,
    coalesce(spans.days, 0) as rows_used,
    {{ days_in_window() }} as rows_expected,
    spans.last_date as as_of
from checks
left join spans on checks.claim_id = spans.claim_id and checks.check_id = spans.check_id
