-- question: Fund flows: US spot funds, US$ m a session
-- grain: One row per asset and session.
-- shown: stress 80
-- marts: etf_market_daily
-- reading: Blue is money that came in, orange money that left; a pale bar still misses a fund.
-- empty: No daily flows of funds are stored yet: run `flowhouse build --live` or replay an archive.

select
    asset,
    trade_date as session,
    net_flow_usd / 1e6 as "all funds",
    is_complete as "is complete"
from marts.etf_market_daily
where net_flow_usd is not null
order by asset = 'BTC' desc, asset, session
