{{ config(meta={'dagster': {'ref': {'name': 'etf_reporting_latency'}}}) }}

-- Where the funds of a page do not add up to its total, either is left out when it is read, so a difference is an error
-- in this project.
select
    latency.asset,
    latency.trade_date,
    latency.final_total_usd,
    market.net_flow_usd
from {{ ref('etf_reporting_latency') }} as latency
inner join {{ ref('etf_market_flows_daily') }} as market
    on
        latency.asset = market.asset
        and latency.trade_date = market.trade_date
        and latency.source = market.source
where
    latency.source = 'farside'
    and market.funds_reported = market.funds_expected
    and abs(latency.final_total_usd - market.net_flow_usd) >= 0.01e0
