-- question: And the ether funds?
-- grain: One row per session.
-- shown: example 120
-- marts: etf_market_daily

select
    trade_date, net_flow_usd / 1e6 as usd_m, net_flow_native, flow_5d_usd / 1e6 as usd_m_5_sessions, flow_streak_sessions,
    funds_reported, funds_expected, is_complete
from marts.etf_market_daily
where asset = 'ETH'
order by trade_date desc
limit 20;
