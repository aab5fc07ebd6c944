with checks as (
    {{ checks_answered_by('calendar') }}
)

-- How long an event that began in the window had lasted at the end of the window.
select
    checks.claim_id,
    checks.check_id,
    case checks.measure
        when 'days_lasted'
            then
                max(
                    {{ hours_since(
                        'events.start_date',
                        'least(checks.window_end_at, cast(' ~ add_days('events.end_date', 1) ~ ' as timestamp))'
                    ) }} / 24
                )
    end as observed_value,
    count(events.start_date) as rows_used,
    1 as rows_expected,
    max(case when events.start_date is not null then {{ add_days('cast(checks.window_end_at as date)', -1) }} end)
        as as_of
from checks
left join {{ ref('macro_events') }} as events
    on
        checks.definition_id = events.kind
        and checks.window_start_at <= cast(events.start_date as timestamp)
        and checks.window_end_at > cast(events.start_date as timestamp)
group by checks.claim_id, checks.check_id, checks.measure
