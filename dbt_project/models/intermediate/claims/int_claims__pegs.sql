with checks as (
    {{ checks_answered_by('pegs') }}
)

-- A stablecoin has one price per venue and pair, so a check names both: its definition is the quote asset.
select
    checks.claim_id,
    checks.check_id,
    case checks.measure when 'peg_to_low_pct' then (min(prices.low_usd) - 1) * 100 end as observed_value,
    count(prices.low_usd) as rows_used,
    {{ days_in_window() }} as rows_expected,
    max(prices.price_date) as as_of
from checks
left join {{ ref('market_price_extremes_daily') }} as prices
    on
        checks.asset = prices.asset
        and checks.source = prices.venue
        and checks.definition_id = prices.quote_asset
        and prices.is_complete
        and {{ is_day_in_window('prices.price_date') }}
group by checks.claim_id, checks.check_id, checks.measure, checks.window_start_at, checks.window_end_at
