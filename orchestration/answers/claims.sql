-- question: Claims and what the data says
-- grain: One row per claim.
-- shown: report
-- marts: claims
-- reading: Sentences that were published with a number in them, and whether the warehouse supports them. Tolerances
--   were fixed beforehand; a false claim is not an error in the data.
-- empty: There are no claims.

select
    claim_id as claim,
    quote,
    replace(verdict, '_', ' ') as verdict,
    observed_value as observed,
    unit,
    rows_used || ' of ' || nullif(rows_expected, 0) as rows,
    evidence,
    as_of as "as of",
    article
from marts.claims
order by
    case verdict
        when 'contradicted' then 1
        when 'depends_on_definition' then 2
        when 'contradicted_raw_only' then 3
        when 'supported_raw_only' then 4
        when 'supported' then 5
        when 'insufficient_data' then 6
        else 7
    end,
    claim_id
