-- question: Does "under 600 BTC a week" hold? It depends on the date you count by.
-- grain: One row per week and dating convention.
-- shown: example 230
-- marts: etf_flows_weekly

select week_start_date, dating_convention, net_flow_native
from marts.etf_flows_weekly
where ticker = 'IBIT' and source = 'issuer' and is_complete
order by week_start_date, dating_convention;
