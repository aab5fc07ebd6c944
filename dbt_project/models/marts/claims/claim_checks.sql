-- A figure has a tolerance of 5 %, a bound or a direction has none: facts_claims has the wording of each claim.
with claims as (
    select
        *,
        case when wording in ('about', 'stated') then abs(target) * 0.05e0 else 0 end as tolerance
    from {{ ref('facts_claims') }}
),

checks as (
    select * from {{ ref('facts_claim_checks') }}
),

whole as (
    select * from {{ ref('int_claims__prices') }}
    union all
    select * from {{ ref('int_claims__flows') }}
    union all
    select
        claim_id,
        check_id,
        observed_value,
        rows_used,
        rows_expected,
        as_of
    from {{ ref('int_claims__holders') }}
    union all
    select * from {{ ref('int_claims__sentiment') }}
    union all
    select * from {{ ref('int_claims__derivatives') }}
    union all
    select * from {{ ref('int_claims__depth') }}
    union all
    select * from {{ ref('int_claims__pegs') }}
    union all
    select * from {{ ref('int_claims__equities') }}
    union all
    select * from {{ ref('int_claims__macro') }}
    union all
    select * from {{ ref('int_claims__reported_flows') }}
    union all
    select * from {{ ref('int_claims__calendar') }}
),

measured as (
    select
        *,
        false as is_lower_bound
    from whole
    union all
    select * from {{ ref('int_claims__liquidations') }}
),

-- A lower bound can confirm that a figure is reached. It refutes nothing and confirms no exact figure.
compared as (
    select
        claims.claim_id,
        measured.check_id,
        measured.observed_value,
        measured.rows_used,
        measured.rows_expected,
        measured.as_of,
        case
            when
                measured.is_lower_bound
                then
                    case
                        when claims.operator = 'above' and measured.observed_value > claims.target then true
                        when claims.operator = 'at_least' and measured.observed_value >= claims.target then true
                    end
            when measured.rows_used >= measured.rows_expected then {{ is_met('measured.observed_value') }}
        end as is_met,
        adjusted.observed_low_value,
        adjusted.observed_high_value,
        {{ is_met('adjusted.observed_low_value') }} as is_met_low,
        {{ is_met('adjusted.observed_high_value') }} as is_met_high
    from claims
    inner join measured on claims.claim_id = measured.claim_id
    left join {{ ref('int_claims__holders') }} as adjusted
        on measured.claim_id = adjusted.claim_id and measured.check_id = adjusted.check_id
)

select
    claims.claim_id,
    coalesce(checks.check_id, 'none') as check_id,
    claims.article,
    claims.quote,
    claims.subject,
    checks.measure,
    claims.operator,
    cast(claims.target as double) as target,
    cast(claims.tolerance as double) as tolerance,
    claims.unit,
    checks.source,
    checks.definition_id,
    checks.window_start_at,
    checks.window_end_at,
    {{ minute_text('checks.window_start_at') }} || ' to ' || {{ minute_text('checks.window_end_at') }}
    || case when checks.window_zone = 'UTC' then ' UTC' else ' UTC, days of ' || checks.window_zone end
        as {{ adapter.quote('window') }},
    checks.convention,
    checks.expected_verdict,
    cast(compared.observed_value as double) as observed_value,
    cast(coalesce(compared.rows_used, 0) as bigint) as rows_used,
    cast(coalesce(compared.rows_expected, 0) as bigint) as rows_expected,
    case
        when compared.observed_value is null or claims.answered_by = 'reported_flows' then 'quoted'
        else 'computed'
    end as evidence,
    case
        when claims.answered_by = 'not_public' then 'no_public_data'
        when claims.answered_by = 'not_data' then 'not_a_data_claim'
        when compared.is_met and not (compared.is_met_low and compared.is_met_high) then 'supported_raw_only'
        when not compared.is_met and (compared.is_met_low or compared.is_met_high) then 'contradicted_raw_only'
        when compared.is_met then 'supported'
        when not compared.is_met then 'contradicted'
        else 'insufficient_data'
    end as verdict,
    compared.as_of,
    case when compared.is_met is null then claims.reason end as reason,
    cast(compared.observed_low_value as double) as observed_low_value,
    cast(compared.observed_high_value as double) as observed_high_value
from claims
left join checks on claims.claim_id = checks.claim_id
left join compared on checks.claim_id = compared.claim_id and checks.check_id = compared.check_id
