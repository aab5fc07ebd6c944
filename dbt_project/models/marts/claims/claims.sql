with checks as (
    select * from {{ ref('claim_checks') }}
),

-- The check whose figures represent the claim: the first decided one by name.
ordered as (
    select
        *,
        row_number() over (
            partition by claim_id
            order by case when verdict like 'supported%' or verdict like 'contradicted%' then 0 else 1 end, check_id
        ) as first_decided_first
    from checks
),

verdicts as (
    select
        claim_id,
        {{ overall_verdict('verdict') }} as verdict,
        {{ overall_verdict('expected_verdict') }} as expected_verdict,
        cast(count(case when verdict like 'supported%' then check_id end) as bigint) as checks_supported,
        cast(count(case when verdict like 'contradicted%' then check_id end) as bigint) as checks_contradicted
    from checks
    group by claim_id
)

select
    ordered.claim_id,
    ordered.article,
    ordered.quote,
    ordered.subject,
    ordered.operator,
    ordered.target,
    ordered.tolerance,
    ordered.unit,
    ordered.{{ adapter.quote('window') }},
    ordered.convention,
    verdicts.expected_verdict,
    ordered.observed_value,
    ordered.rows_used,
    ordered.rows_expected,
    ordered.evidence,
    verdicts.verdict,
    verdicts.checks_supported,
    verdicts.checks_contradicted,
    ordered.as_of,
    ordered.reason
from ordered
inner join verdicts on ordered.claim_id = verdicts.claim_id
where ordered.first_decided_first = 1
