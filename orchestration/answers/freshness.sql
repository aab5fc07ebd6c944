-- question: How far the data goes
-- grain: One row per kind of data.
-- shown: report
-- marts: etf_market_daily, onchain_holder_supply_daily, market_prices_daily
-- reading: The newest day with a figure.
-- empty: Nothing is stored yet.

select 1 as place, 'Fund flows' as "data", max(trade_date) as day, 96 as "late after hours"
from marts.etf_market_daily
where net_flow_usd is not null
union all
select 2, 'Long-term holders', max(value_date), 72
from marts.onchain_holder_supply_daily
where asset = 'BTC' and network = 'main'
union all
select 3, 'Prices', max(price_date), 72
from marts.market_prices_daily
where asset = 'BTC'
order by place
