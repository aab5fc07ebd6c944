-- question: How many sessions in a row has each fund taken in (or, below zero, given out)?
-- grain: One row per fund.
-- shown: example 50
-- marts: etf_fund_daily

select
    ticker,
    max_by(flow_streak_sessions, trade_date) as streak,
    max(flow_streak_sessions) as longest_in,
    min(flow_streak_sessions) as longest_out
from marts.etf_fund_daily
where asset = 'BTC'
group by ticker
order by longest_in desc, ticker;
