{{ config(meta={'dagster': {'ref': {'name': 'claim_checks'}}}) }}

-- A false claim is a finding. A verdict that differs from what recorded data gave is an error: in this project, in a
-- source, or in the seed.
select
    claim_id,
    check_id,
    observed_value,
    verdict,
    expected_verdict
from {{ ref('claim_checks') }}
where verdict in ('supported', 'contradicted') and verdict <> expected_verdict
