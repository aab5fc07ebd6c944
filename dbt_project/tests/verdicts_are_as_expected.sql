{{ config(severity='error' if var('strict_claims') else 'warn', meta={'dagster': {'ref': {'name': 'claim_checks'}}}) }}

-- A false claim is no finding, a verdict that differs from what recorded data gave is: an error in this project, in a
-- source or in the seed, or a publisher who corrected an old figure. The last must not stop a user's builds.
select
    claim_id,
    check_id,
    observed_value,
    verdict,
    expected_verdict
from {{ ref('claim_checks') }}
where (verdict like 'supported%' or verdict like 'contradicted%') and verdict <> expected_verdict
