-- question: Funds, 30 days
-- grain: One row per asset.
-- shown: tile 20
-- marts: etf_market_daily
-- reading: Net flow of the sessions in the 30 days to the newest complete one.
-- empty: No session of the funds is complete yet.

with newest as (
    select asset, max(trade_date) as day
    from marts.etf_market_daily
    where is_complete
    group by asset
)

select
    market.asset,
    sum(market.net_flow_native) as coins,
    sum(market.net_flow_usd) / 1e6 as "US$ m",
    newest.day - 29 as since,
    newest.day,
    sum(cast(market.is_complete as int)) as reported,
    count(*) as expected,
    'complete sessions' as "what"
from marts.etf_market_daily as market
inner join newest on market.asset = newest.asset and market.trade_date between newest.day - 29 and newest.day
group by market.asset, newest.day
order by market.asset
