-- question: Which checks of claims have another verdict than recorded?
-- grain: One row per check of a claim.
-- shown: report
-- marts: claim_checks
-- reading: A false claim is no finding; a verdict that changed is.
-- empty: Every verdict is as recorded.

select
    claim_id as claim,
    check_id as "check",
    verdict,
    expected_verdict as recorded
from marts.claim_checks
where (verdict like 'supported%' or verdict like 'contradicted%') and verdict <> expected_verdict
order by claim_id, check_id
