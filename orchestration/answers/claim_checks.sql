-- question: How was a claim checked, each way? The parameter is the claim.
-- grain: One row per check of the claim.
-- shown: claims
-- marts: claim_checks

select
    check_id as "check",
    coalesce(convention, reason) as convention,
    "window",
    observed_value as observed,
    observed_low_value as "without moves, low",
    observed_high_value as "without moves, high",
    unit,
    verdict,
    rows_used as rows,
    rows_expected as "of",
    as_of as "as of"
from marts.claim_checks
where lower(claim_id) = lower(?)
order by check_id
