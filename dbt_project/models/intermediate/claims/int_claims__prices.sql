with checks as (
    {{ checks_answered_by('prices') }}
),

targets as (
    select claim_id, operator, target from {{ ref('facts_claims') }}
),

-- A check reads daily bars; one that names a kind of instrument and a quote asset (perpetual_USDT) reads hourly ones,
-- whose windows may begin at any hour.
daily as (
    select
        checks.claim_id,
        checks.check_id,
        cast(prices.price_date as timestamp) as open_at,
        prices.open_usd,
        prices.high_usd,
        prices.low_usd,
        prices.close_usd
    from checks
    inner join {{ ref('market_prices_daily') }} as prices
        on
            checks.asset = prices.asset
            and checks.source = prices.venue
            and {{ is_day_in_window('prices.price_date') }}
    where checks.definition_id is null
),

hourly as (
    select
        checks.claim_id,
        checks.check_id,
        prices.open_at,
        prices.open_usd,
        prices.high_usd,
        prices.low_usd,
        prices.close_usd
    from checks
    inner join {{ ref('market_bars_hourly') }} as prices
        on
            checks.asset = prices.asset
            and checks.source = prices.venue
            and checks.definition_id = prices.instrument_kind || '_' || prices.quote_asset
            and checks.window_start_at <= prices.open_at
            and checks.window_end_at > prices.open_at
    where prices.is_complete
),

bars as (
    select
        claim_id,
        check_id,
        open_at,
        high_usd,
        low_usd,
        close_usd,
        first_value(open_usd) over in_window as open_usd,
        first_value(high_usd) over in_window as first_high_usd,
        first_value(close_usd) over in_window as first_close_usd,
        last_value(open_usd) over in_window as last_open_usd,
        last_value(close_usd) over in_window as last_close_usd,
        last_value(low_usd) over in_window as last_low_usd,
        max(open_at) over in_window as last_open_at
    from (select * from daily union all select * from hourly) as held
    window in_window as (
        partition by claim_id, check_id
        order by open_at rows between unbounded preceding and unbounded following
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
        (max(last_open_usd) / max(open_usd) - 1) * 100 as open_to_open_pct,
        (max(last_close_usd) / max(first_close_usd) - 1) * 100 as close_to_close_pct,
        {{ exact_sum('close_usd') }} / count(close_usd) as mean_close_usd,
        max(case when open_at < last_open_at and low_usd <= last_low_usd then open_at end) as last_as_low_at,
        count(low_usd) as bars,
        max(last_open_at) as last_open_at
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
        when 'month_last_as_low' then month(spans.last_as_low_at)
        -- The change since 24 hours before runs from the first to the second value while the last hour of the window
        -- passes, so it takes every value between them: what counts is the one that fits the claim best.
        when 'change_within_last_hour_pct'
            then
                case
                    -- without bars the bounds below would leave the target alone
                    when spans.bars is null then null
                    when targets.operator = 'below' then least(spans.open_to_open_pct, spans.close_to_close_pct)
                    when targets.operator = 'equals'
                        then
                            greatest(
                                least(spans.open_to_open_pct, spans.close_to_close_pct),
                                least(targets.target, greatest(spans.open_to_open_pct, spans.close_to_close_pct))
                            )
                    else greatest(spans.open_to_open_pct, spans.close_to_close_pct)
                end
    end as observed_value,
    coalesce(spans.bars, 0) as rows_used,
    case when checks.definition_id is null then {{ days_in_window() }} else {{ hours_in_window() }} end
        as rows_expected,
    cast(spans.last_open_at as date) as as_of
from checks
inner join targets on checks.claim_id = targets.claim_id
left join spans on checks.claim_id = spans.claim_id and checks.check_id = spans.check_id
