with weeks as (
    select * from {{ ref('etf_flows_weekly') }}
    where dating_convention = 'trade_date'
),

expected as (
    {{ funds_expected_by_week(ref('funds'), ref('market_sessions')) }}
),

market as (
    select
        asset,
        week_start_date,
        source,
        {{ exact_sum('net_flow_usd') }} as net_flow_usd,
        {{ sum_if_all_known('net_flow_native', 'net_flow_usd') }} as net_flow_native,
        count(case when is_complete then ticker end) as funds_reported
    from weeks
    group by asset, week_start_date, source
)

select
    market.asset,
    market.week_start_date,
    market.source,
    market.net_flow_usd,
    market.net_flow_native,
    cast(market.funds_reported as integer) as funds_reported,
    cast(coalesce(expected.funds_expected, 0) as integer) as funds_expected,
    coalesce(market.funds_reported = expected.funds_expected, false) as is_complete
from market
left join expected on market.asset = expected.asset and market.week_start_date = expected.week_start_date
