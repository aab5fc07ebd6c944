with checks as (
    {{ checks_answered_by('reported_flows') }}
)

select
    checks.claim_id,
    checks.check_id,
    case checks.measure when 'reported_flow_usd' then {{ exact_sum('flows.net_flow_usd') }} end as observed_value,
    count(flows.net_flow_usd) as rows_used,
    cast({{ days_in_window() }} / 7 as integer) as rows_expected,
    max(flows.week_end_date) as as_of
from checks
left join {{ ref('fund_flows_reported_weekly') }} as flows
    on
        checks.source = flows.publisher
        and checks.definition_id = flows.scope
        and {{ is_day_in_window('flows.week_end_date') }}
group by checks.claim_id, checks.check_id, checks.measure, checks.window_start_at, checks.window_end_at
