with flows as (
    select * from {{ ref('etf_flows_daily') }}
),

listed as (
    {{ listed_funds(ref('funds'), ref('market_sessions')) }}
),

expected as (
    select
        asset,
        trade_date,
        count(*) as funds_expected,
        max(closes_at) as closes_at
    from listed
    group by asset, trade_date
),

-- A fund that the seed does not list counts in the sum, but not among the funds expected.
market as (
    select
        flows.asset,
        flows.trade_date,
        flows.source,
        {{ exact_sum('flows.net_flow_usd') }} as net_flow_usd,
        {{ sum_if_all_known('flows.net_flow_native', 'flows.net_flow_usd') }} as net_flow_native,
        count(case when flows.is_reported then listed.ticker end) as funds_reported
    from flows
    left join listed
        on flows.asset = listed.asset and flows.ticker = listed.ticker and flows.trade_date = listed.trade_date
    group by flows.asset, flows.trade_date, flows.source
),

last_seen as (
    {{ last_seen_by_source('flows') }}
)

select
    market.asset,
    market.trade_date,
    market.source,
    market.net_flow_usd,
    market.net_flow_native,
    cast(market.funds_reported as integer) as funds_reported,
    cast(coalesce(expected.funds_expected, 0) as integer) as funds_expected,
    coalesce(
        market.funds_reported = expected.funds_expected and last_seen.observed_at >= expected.closes_at, false
    ) as is_complete
from market
left join expected on market.asset = expected.asset and market.trade_date = expected.trade_date
left join last_seen on market.source = last_seen.source
