-- question: Do two sources agree? A flow printed by Farside against the issuer's own share counts.
-- grain: One row per session and pair of sources.
-- shown: example 250
-- marts: etf_source_differences

select trade_date, net_flow_a_usd, net_flow_b_usd, difference_usd
from marts.etf_source_differences
where ticker = 'IBIT'
order by abs(difference_usd) desc;
