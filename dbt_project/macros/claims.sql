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

{# Whether a value of `measured` is what a claim of `claims` says. #}
{% macro is_met(value) %}
    case
        when claims.operator = 'below' then {{ value }} < claims.target
        when claims.operator = 'above' then {{ value }} > claims.target
        when claims.operator = 'at_least' then {{ value }} >= claims.target
        when claims.operator = 'equals' then abs({{ value }} - claims.target) <= claims.tolerance
    end
{%- endmacro %}

{# One verdict from those of a claim's checks: only decided ones count, and it says where they disagree. One that known
   moves inside one owner put in question does so for all that agree with it. #}
{% macro overall_verdict(verdict) %}
    case
        when
            count(case when {{ verdict }} in ('supported', 'supported_raw_only') then 1 end) > 0
            and count(case when {{ verdict }} in ('contradicted', 'contradicted_raw_only') then 1 end) > 0
            then 'depends_on_definition'
        {%- for decided in ['supported_raw_only', 'contradicted_raw_only', 'supported', 'contradicted'] %}
        when count(case when {{ verdict }} = '{{ decided }}' then 1 end) > 0 then '{{ decided }}'
        {%- endfor %}
        else min({{ verdict }})
    end
{% endmacro %}
