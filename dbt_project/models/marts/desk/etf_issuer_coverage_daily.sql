with funds as (
    select * from {{ ref('etf_fund_daily') }}
),

listed as (
    {{ listed_funds(ref('funds'), ref('market_sessions')) }}
),

-- A fund that the seed does not list counts in the sums, but not among the funds.
market as (
    select
        funds.asset,
        funds.trade_date,
        coalesce(max(listed.funds_expected), 0) as funds_expected,
        count(case when funds.is_reported and funds.flow_source = 'issuer' then listed.ticker end) as funds_counted,
        count(case when funds.is_reported and funds.flow_source <> 'issuer' then listed.ticker end) as funds_completed,
        count(case when funds.net_assets_usd is not null then listed.ticker end) as funds_valued,
        {{ exact_sum('funds.net_assets_usd') }} as net_assets_usd,
        coalesce(
            {{ exact_sum("case when funds.is_reported and funds.flow_source = 'issuer' then funds.net_assets_usd end") }}, 0
        ) as counted_assets_usd,
        {{ exact_sum('funds.net_flow_usd') }} as net_flow_usd,
        {{ exact_sum("case when funds.flow_source = 'issuer' then funds.net_flow_usd end") }} as counted_flow_usd,
        {{ exact_sum("case when funds.flow_source <> 'issuer' then funds.net_flow_usd end") }} as completed_flow_usd
    from funds
    left join listed on funds.ticker = listed.ticker and funds.trade_date = listed.trade_date
    group by funds.asset, funds.trade_date
)

select
    asset,
    trade_date,
    cast(funds_expected as integer) as funds_expected,
    cast(funds_counted as integer) as funds_counted,
    cast(funds_completed as integer) as funds_completed,
    cast(funds_valued as integer) as funds_valued,
    net_assets_usd,
    counted_assets_usd,
    100 * counted_assets_usd / nullif(net_assets_usd, 0) as counted_assets_pct,
    net_flow_usd,
    counted_flow_usd,
    completed_flow_usd
from market
