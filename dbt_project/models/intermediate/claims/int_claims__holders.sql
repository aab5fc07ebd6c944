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
        adjusted.net_change_adjusted_low_native,
        adjusted.net_change_adjusted_high_native,
        adjusted.spent_adjusted_low_native,
        adjusted.spent_adjusted_high_native,
        {{ hours_since('checks.window_start_at', 'cast(flows.value_date as timestamp)') }} / 24 * 2
        >= {{ days_in_window() }} as is_in_second_half
    from checks
    inner join {{ ref('onchain_lth_flows_daily') }} as flows
        on
            checks.asset = flows.asset
            and checks.source = flows.series
            and checks.definition_id = flows.definition_id
            and {{ is_day_in_window('flows.value_date') }}
    left join {{ ref('onchain_lth_adjusted_daily') }} as adjusted
        on
            flows.asset = adjusted.asset
            and flows.network = adjusted.network
            and flows.series = adjusted.series
            and flows.definition_id = adjusted.definition_id
            and flows.value_date = adjusted.value_date
    where flows.network = 'main' and flows.is_final
),

-- As published, and with known moves inside one owner taken out by their low and by their high bounds.
spans as (
    select
        claim_id,
        check_id,
        {%- for adjusted in ['', '_adjusted_low', '_adjusted_high'] %}
        {%- set net_change = 'net_change' ~ adjusted ~ '_native' %}
        sum({{ net_change }}) as net_change{{ adjusted }},
        -sum(spent{{ adjusted }}_native) as spent{{ adjusted }},
        sum(case when is_in_second_half then {{ net_change }} else -{{ net_change }} end) as slowing{{ adjusted }},
        {%- endfor %}
        count(net_change_native) as days_changed,
        count(spent_native) as days_spent,
        max(value_date) as last_date
    from days
    group by claim_id, check_id
)

select
    checks.claim_id,
    checks.check_id,
    {%- for adjusted, observed in [('', 'observed'), ('_adjusted_low', 'observed_low'), ('_adjusted_high', 'observed_high')] %}
    case checks.measure
        when 'lth_change_native' then spans.net_change{{ adjusted }}
        when 'lth_spent_native' then spans.spent{{ adjusted }}
        when 'lth_change_slowing_native' then spans.slowing{{ adjusted }}
    end as {{ observed }}_value,
    {%- endfor %}
    coalesce(case when checks.measure = 'lth_spent_native' then spans.days_spent else spans.days_changed end, 0)
        as rows_used,
    {{ days_in_window() }} as rows_expected,
    spans.last_date as as_of
from checks
left join spans on checks.claim_id = spans.claim_id and checks.check_id = spans.check_id
