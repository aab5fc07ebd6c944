-- question: How many bitcoin does each fund hold, by what is that known, and how well?
-- grain: One row per fund and session.
-- shown: example 70
-- marts: etf_fund_daily

select ticker, trade_date, held_native, held_method, held_anchor_date, held_error_bps
from marts.etf_fund_daily
where asset = 'BTC' and held_native is not null
order by trade_date desc, held_native desc
limit 11;
