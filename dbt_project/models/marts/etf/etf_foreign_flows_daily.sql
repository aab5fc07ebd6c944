with observations as (
    select * from {{ ref('stg_hong_kong__fund_flows') }}
    union all
    select * from {{ ref('stg_coinglass_hk__fund_flows') }}
),

cells as (
    {{ newest_cells('observations', 'source, ticker, value_date, metric', none) }}
),

flows as (
    select
        ticker,
        value_date as trade_date,
        source,
        max(case when metric = 'net_flow_native' then value end) as net_flow_native,
        max(case when metric = 'net_flow_usd' then value end) as net_flow_usd,
        min(first_observed_at) as first_observed_at,
        max(observed_at) as last_changed_at
    from cells
    group by ticker, value_date, source
)

select
    funds.market,
    funds.asset,
    flows.ticker,
    flows.trade_date,
    flows.source,
    {{ native('flows.net_flow_native') }} as net_flow_native,
    flows.net_flow_usd,
    flows.first_observed_at,
    flows.last_changed_at
from flows
inner join {{ ref('foreign_funds') }} as funds on flows.ticker = funds.ticker
where flows.net_flow_native is not null or flows.net_flow_usd is not null
