-- question: What part of all bitcoin do the funds hold?
-- grain: One row per session.
-- shown: example 110
-- marts: etf_market_daily

select trade_date, held_native, supply_share_pct, supply_method, funds_valued, funds_expected
from marts.etf_market_daily
where asset = 'BTC'
order by trade_date desc
limit 20;
