-- question: Which sentences of the articles does each line of the stress view decide?
-- grain: One row per line, claim and check of it.
-- shown: report
-- marts: claims, claim_checks

with lines as (
    select *
    from (
        values
        ('stress_price', 'A03'), ('stress_price', 'A03b'), ('stress_price', 'A04'), ('stress_price', 'A05'),
        ('stress_price', 'A06'), ('stress_price', 'A10'), ('stress_price', 'A11'), ('stress_price', 'A12'),
        ('stress_price', 'A12b'), ('stress_price', 'A13'), ('stress_price', 'A14'), ('stress_price', 'A15'),
        ('stress_price', 'A16'), ('stress_price', 'A19'), ('stress_price', 'A45'), ('stress_price', 'B01'),
        ('stress_price', 'B02'), ('stress_price', 'B03'), ('stress_price', 'B04'), ('stress_price', 'B05'),
        ('stress_price', 'B06'),
        ('stress_open_interest', 'B12'),
        ('stress_funding', 'B23'),
        ('stress_liquidations', 'A01'), ('stress_liquidations', 'A02'), ('stress_liquidations', 'A07'),
        ('stress_liquidations', 'A08'), ('stress_liquidations', 'A09'), ('stress_liquidations', 'A26'),
        ('stress_liquidations', 'A27'), ('stress_liquidations', 'A28'), ('stress_liquidations', 'A29'),
        ('stress_liquidations', 'B07'), ('stress_liquidations', 'B08'), ('stress_liquidations', 'B09'),
        ('stress_depth', 'B14'),
        ('stress_stablecoins', 'B18'),
        ('stress_fund_flows', 'A34'), ('stress_fund_flows', 'A35'), ('stress_fund_flows', 'A35b'),
        ('stress_fund_flows', 'A36'), ('stress_fund_flows', 'A37'), ('stress_fund_flows', 'A38'),
        ('stress_fund_flows', 'B16'),
        ('stress_holders', 'A46'), ('stress_holders', 'A46b'), ('stress_holders', 'B15')
    ) as decided(line, claim_id)
)

select
    lines.line,
    claim.claim_id as claim,
    claim.article,
    claim.quote,
    claim.subject,
    replace(claim.verdict, '_', ' ') as verdict,
    claim.observed_value as observed,
    claim.unit,
    claim.reason,
    coalesce(checks.convention, checks.check_id) as "check",
    checks.observed_value as "check observed",
    replace(checks.verdict, '_', ' ') as "check verdict"
from lines
inner join marts.claims as claim on lines.claim_id = claim.claim_id
left join marts.claim_checks as checks on claim.claim_id = checks.claim_id
order by lines.line, claim.claim_id, checks.check_id
