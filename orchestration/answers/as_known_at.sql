-- question: What did the tables say at a given hour? (UTC.)
-- grain: One row per fund.
-- shown: example 240
-- marts: etf_flows_daily_as_of

select ticker, is_reported, net_flow_usd
from marts.etf_flows_daily_as_of(timestamp '2025-11-10 08:00')
where trade_date = '2025-11-07' and source = 'farside'
order by ticker;
