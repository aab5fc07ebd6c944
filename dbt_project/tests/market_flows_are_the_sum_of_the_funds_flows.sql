{{ config(meta={'dagster': {'ref': {'name': 'etf_market_flows_daily'}}}) }}

-- Sums of doubles in another order differ by less than a cent.
with funds as (
    select
        asset,
        trade_date,
        source,
        sum(net_flow_usd) as net_flow_usd
    from {{ ref('etf_flows_daily') }}
    group by asset, trade_date, source
)

select
    funds.*,
    market.net_flow_usd as market_flow_usd
from funds
full outer join {{ ref('etf_market_flows_daily') }} as market
    on funds.asset = market.asset and funds.trade_date = market.trade_date and funds.source = market.source
where
    funds.asset is null
    or market.asset is null
    or (funds.net_flow_usd is null) <> (market.net_flow_usd is null)
    or abs(funds.net_flow_usd - market.net_flow_usd) >= 0.01e0
