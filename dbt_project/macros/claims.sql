{# The claims ledger: which checks a model measures, and one verdict from those of several checks. #}

{# The checks of claims that a kind of fact can answer. #}
{% macro checks_answered_by(fact) %}
    select checks.*
    from {{ ref('facts_claim_checks') }} as checks
    inner join {{ ref('facts_claims') }} as claims on checks.claim_id = claims.claim_id
    where claims.answered_by = '{{ fact }}'
{% endmacro %}

{# Whether the whole UTC day is in a check's window; a day that is only partly in it does not count. #}
{% macro is_day_in_window(date) %}
    {{- return(
        "cast(" ~ date ~ " as timestamp) >= checks.window_start_at and cast(" ~ add_days(date, 1)
        ~ " as timestamp) <= checks.window_end_at"
    ) -}}
{% endmacro %}

{# How many days a check's window has. #}
{% macro days_in_window() %}
    {{- return("cast(" ~ hours_since('checks.window_start_at', 'checks.window_end_at') ~ " / 24 as integer)") -}}
{% endmacro %}

{# How many hours a check's window has. #}
{% macro hours_in_window() %}
    {{- return("cast(" ~ hours_between('checks.window_start_at', 'checks.window_end_at') ~ " as integer)") -}}
{% endmacro %}

{# One verdict from those of a claim's checks: only decided ones count, and it says where they disagree. #}
{% macro overall_verdict(verdict) %}
    case
        when
            count(case when {{ verdict }} = 'supported' then 1 end) > 0
            and count(case when {{ verdict }} = 'contradicted' then 1 end) > 0
            then 'depends_on_definition'
        when count(case when {{ verdict }} = 'supported' then 1 end) > 0 then 'supported'
        when count(case when {{ verdict }} = 'contradicted' then 1 end) > 0 then 'contradicted'
        else min({{ verdict }})
    end
{% endmacro %}
