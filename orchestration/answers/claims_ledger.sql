-- question: Which published claims hold?
-- grain: One row per claim.
-- shown: claims
-- marts: claims

select
    claim_id as claim,
    quote,
    observed_value as observed,
    unit,
    verdict,
    rows_used as rows,
    rows_expected as "of",
    as_of as "as of"
from marts.claims
order by claim_id
