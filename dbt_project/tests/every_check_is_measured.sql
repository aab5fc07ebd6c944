{{ config(meta={'dagster': {'ref': {'name': 'claim_checks'}}}) }}

-- A check of an unknown claim, of one that nothing answers, or with a misspelt measure would pass unnoticed as
-- insufficient data.
select
    checks.claim_id,
    checks.check_id,
    checks.measure
from {{ ref('facts_claim_checks') }} as checks
left join {{ ref('facts_claims') }} as claims on checks.claim_id = claims.claim_id
left join {{ ref('claim_checks') }} as measured
    on checks.claim_id = measured.claim_id and checks.check_id = measured.check_id
where
    claims.claim_id is null
    or claims.answered_by like 'not_%'
    or (measured.rows_used > 0 and measured.rows_used >= measured.rows_expected and measured.observed_value is null)
