with checks as (
    {{ checks_answered_by('derivatives') }}
),

-- Only a whole day counts: the highest or lowest of some of its hours may not be its own.
days as (
    select
        checks.claim_id,
        checks.check_id,
        interest.value_date,
        interest.high_usd as observed_value
    from checks
    inner join {{ ref('derivatives_open_interest_daily') }} as interest
        on
            checks.asset = interest.asset
            and checks.source = interest.venue
            and checks.definition_id = interest.contract
            and {{ is_day_in_window('interest.value_date') }}
    where checks.measure = 'highest_open_interest_usd' and interest.observations >= interest.expected_observations
    union all
    select
        checks.claim_id,
        checks.check_id,
        funding.value_date,
        funding.sum_rate as observed_value
    from checks
    inner join {{ ref('derivatives_funding_daily') }} as funding
        on
            checks.asset = funding.asset
            and checks.source = funding.venue
            and checks.definition_id = funding.contract
            and {{ is_day_in_window('funding.value_date') }}
            and checks.measure = 'lowest_day_of_' || funding.kind || '_funding'
    where funding.is_complete
)

select
    checks.claim_id,
    checks.check_id,
    case checks.measure
        when 'highest_open_interest_usd' then max(days.observed_value)
        when 'lowest_day_of_settled_funding' then min(days.observed_value)
        when 'lowest_day_of_indicative_funding' then min(days.observed_value)
    end as observed_value,
    count(days.observed_value) as rows_used,
    {{ days_in_window() }} as rows_expected,
    max(days.value_date) as as_of
from checks
left join days on checks.claim_id = days.claim_id and checks.check_id = days.check_id
group by checks.claim_id, checks.check_id, checks.measure, checks.window_start_at, checks.window_end_at
