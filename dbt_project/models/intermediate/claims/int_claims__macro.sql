with checks as (
    {{ checks_answered_by('macro') }}
),

newest as (
    select
        provider,
        series_id,
        value_date,
        value,
        row_number() over (partition by provider, series_id, value_date order by vintage_date desc) as newest_first
    from {{ ref('macro_observations') }}
),

-- The newest vintage of the first and of the last day in the window.
ends as (
    select
        checks.claim_id,
        checks.check_id,
        newest.value_date,
        newest.value,
        case when newest.value_date = cast(checks.window_start_at as date) then newest.value end as first_value,
        case when newest.value_date > cast(checks.window_start_at as date) then newest.value end as last_value
    from checks
    inner join newest
        on
            checks.source = newest.provider
            and checks.definition_id = newest.series_id
            and (
                newest.value_date = cast(checks.window_start_at as date)
                or {{ add_days('newest.value_date', 1) }} = cast(checks.window_end_at as date)
            )
    where newest.newest_first = 1 and newest.value is not null
)

select
    checks.claim_id,
    checks.check_id,
    case checks.measure
        when 'first_to_last_pct' then (max(ends.last_value) / max(ends.first_value) - 1) * 100
    end as observed_value,
    count(ends.value) as rows_used,
    2 as rows_expected,
    max(ends.value_date) as as_of
from checks
left join ends on checks.claim_id = ends.claim_id and checks.check_id = ends.check_id
group by checks.claim_id, checks.check_id, checks.measure
