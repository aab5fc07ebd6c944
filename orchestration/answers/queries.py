"""Queries worth having, question by question: in the README, and one click away on the SQL page."""

EXAMPLE_QUERIES = {
    "Who let go, who took in, and how much of it did funds absorb?": """
select
    week_start_date, holder_series, definition_id, etf_net_flow_native, lth_net_change_native, lth_spent_native,
    issued_native, absorption_ratio, missing, has_internal_move
from marts.demand_vs_supply_weekly
where asset = 'BTC' and flow_source = 'farside'
order by week_start_date desc, holder_series, definition_id;
""",
    "What did all the funds do, week by week, and is the week complete?": """
select week_start_date, net_flow_usd / 1e6 as usd_m, net_flow_native, funds_reported, funds_expected, is_complete
from marts.etf_market_flows_weekly
where asset = 'BTC' and source = 'farside'
order by week_start_date desc;
""",
    'Does "under 600 BTC a week" hold? It depends on the date you count by.': """
select week_start_date, dating_convention, net_flow_native
from marts.etf_flows_weekly
where ticker = 'IBIT' and source = 'issuer' and is_complete
order by week_start_date, dating_convention;
""",
    "What did the tables say at a given hour? (UTC.)": """
select ticker, is_reported, net_flow_usd
from marts.etf_flows_daily_as_of(timestamp '2025-11-10 08:00')
where trade_date = '2025-11-07' and source = 'farside'
order by ticker;
""",
    "Do two sources agree? A flow printed by Farside against the issuer's own share counts.": """
select trade_date, net_flow_a_usd, net_flow_b_usd, difference_usd
from marts.etf_source_differences
where ticker = 'IBIT'
order by abs(difference_usd) desc;
""",
    "Which bytes is a figure from? The checksum is that of a file in `data/archive/`, named in its `.meta.json`.": """
select value_date, raw_text, value, observed_at, archive_sha256
from marts.etf_observations
where ticker = 'IBIT' and metric = 'net_flow_usd' and value_date = '2025-11-04';
""",
    "What did long-term holders sell, by three definitions of long-term?": """
select value_date, network, series, definition_id, spent_native, matured_native, net_change_native, is_final
from marts.onchain_lth_flows_daily
where asset = 'BTC' and value_date between '2025-10-30' and '2025-11-04'
order by value_date, network, definition_id;
""",
    "What went to exchanges, and came from them, on account chains?": """
select asset, network, value_date, from_kind, to_kind, transfers, amount_native
from marts.onchain_token_flows_daily
where to_kind = 'exchange' or from_kind = 'exchange'
order by value_date desc, asset, from_kind;
""",
}
