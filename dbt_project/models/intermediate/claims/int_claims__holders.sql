with checks as (
    {{ checks_answered_by('holders') }}
),

-- A slowing is the second half of the window less the first one.
days as (
    select
        checks.claim_id,
        checks.check_id,
        flows.value_date,
        flows.net_change_native,
        flows.spent_native,
        {{ hours_since('checks.window_start_at', 'cast(flows.value_date as timestamp)') }} / 24 * 2
        >= {{ days_in_window() }} as is_in_second_half
    from checks
    inner join {{ ref('onchain_lth_flows_daily') }} as flows
        on
            checks.asset = flows.asset
            and checks.source = flows.series
            and checks.definition_id = flows.definition_id
            and {{ is_day_in_window('flows.value_date') }}
    where flows.network = 'main' and flows.is_final
),

spans as (
    select
        claim_id,
        check_id,
        sum(net_change_native) as net_change_native,
        sum(spent_native) as spent_native,
        sum(case when is_in_second_half then net_change_native else -net_change_native end) as slowing_native,
        count(net_change_native) as days_changed,
        count(spent_native) as days_spent,
        max(value_date) as last_date
    from days
    group by claim_id, check_id
)

select
    checks.claim_id,
    checks.check_id,
    case checks.measure
        when 'lth_change_native' then spans.net_change_native
        when 'lth_spent_native' then -spans.spent_native
        when 'lth_change_slowing_native' then spans.slowing_native
    end as observed_value,
    coalesce(case when checks.measure = 'lth_spent_native' then spans.days_spent else spans.days_changed end, 0)
        as rows_used,
    {{ days_in_window() }} as rows_expected,
    spans.last_date as as_of
from checks
left join spans on checks.claim_id = spans.claim_id and checks.check_id = spans.check_id
