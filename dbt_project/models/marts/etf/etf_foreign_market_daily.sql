with days as (
    select
        market,
        asset,
        trade_date,
        source,
        case when count(net_flow_native) = count(*) then sum(net_flow_native) end as net_flow_native,
        case when count(net_flow_usd) = count(*) then {{ exact_sum('net_flow_usd') }} end as net_flow_usd,
        cast(count(*) as integer) as funds_reported
    from {{ ref('etf_foreign_flows_daily') }}
    group by market, asset, trade_date, source
)

select
    days.market,
    days.asset,
    days.trade_date,
    days.source,
    {{ native('days.net_flow_native') }} as net_flow_native,
    days.net_flow_usd,
    days.funds_reported,
    cast(count(*) as integer) as funds_expected,
    days.funds_reported = count(*) as is_complete
from days
inner join {{ ref('foreign_funds') }} as funds
    on days.market = funds.market and days.asset = funds.asset and days.trade_date >= funds.first_trade_date
group by
    days.market, days.asset, days.trade_date, days.source, days.net_flow_native, days.net_flow_usd, days.funds_reported
