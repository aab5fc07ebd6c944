{{ config(meta={'dagster': {'ref': {'name': 'claim_checks'}}}) }}

-- A false claim is a finding. A verdict that recorded data had settled and that is now another is an error: of ours, of
-- a source, or of the seed.
select
    claim_id,
    check_id,
    observed_value,
    verdict,
    expected_verdict
from {{ ref('claim_checks') }}
where verdict in ('supported', 'contradicted') and verdict <> expected_verdict
