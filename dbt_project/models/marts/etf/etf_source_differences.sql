with flows as (
    select * from {{ ref('etf_flows_daily') }}
    where is_reported
)

select
    one.asset,
    one.ticker,
    one.trade_date,
    one.source as source_a,
    other.source as source_b,
    one.net_flow_usd as net_flow_a_usd,
    other.net_flow_usd as net_flow_b_usd,
    one.net_flow_usd - other.net_flow_usd as difference_usd
from flows as one
inner join flows as other
    on one.ticker = other.ticker and one.trade_date = other.trade_date and one.source < other.source
