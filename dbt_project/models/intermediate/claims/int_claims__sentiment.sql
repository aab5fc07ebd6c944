with checks as (
    {{ checks_answered_by('sentiment') }}
)

select
    checks.claim_id,
    checks.check_id,
    case checks.measure when 'highest_index' then max(sentiment.index_value) end as observed_value,
    count(sentiment.index_value) as rows_used,
    {{ days_in_window() }} as rows_expected,
    max(sentiment.value_date) as as_of
from checks
left join {{ ref('market_sentiment_daily') }} as sentiment
    on checks.source = sentiment.provider and {{ is_day_in_window('sentiment.value_date') }}
group by checks.claim_id, checks.check_id, checks.measure, checks.window_start_at, checks.window_end_at
