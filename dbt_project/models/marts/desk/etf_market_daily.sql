with funds as (
    select * from {{ ref('etf_fund_daily') }}
),

listed as (
    {{ listed_funds(ref('funds'), ref('market_sessions')) }}
),

expected as (
    select
        asset,
        trade_date,
        sum(count(*)) over (
            partition by asset order by trade_date rows between unbounded preceding and current row
        ) as flows_expected
    from listed
    group by asset, trade_date
),

last_seen as (
    {{ last_seen_by_source(ref('etf_flows_daily')) }}
),

-- A fund that the seed does not list counts in the sums, but not among the funds expected.
market as (
    select
        funds.asset,
        funds.trade_date,
        {{ exact_sum('funds.net_flow_usd') }} as net_flow_usd,
        {{ sum_if_all_known('funds.net_flow_native', 'funds.net_flow_usd') }} as net_flow_native,
        count(case when funds.is_reported then listed.ticker end) as funds_reported,
        count(case when funds.is_reported and last_seen.observed_at >= listed.closes_at then listed.ticker end)
            as funds_final,
        count(case when funds.net_assets_usd is not null then listed.ticker end) as funds_valued,
        coalesce(max(listed.funds_expected), 0) as funds_expected,
        sum(funds.held_native) as held_native,
        {{ exact_sum('funds.net_assets_usd') }} as net_assets_usd,
        row_number() over (partition by funds.asset order by funds.trade_date desc) <= {{ open_sessions() }}
            as is_recent
    from funds
    left join listed on funds.ticker = listed.ticker and funds.trade_date = listed.trade_date
    left join last_seen on funds.flow_source = last_seen.source
    group by funds.asset, funds.trade_date
),

valued as (
    select
        market.*,
        market.is_recent and market.funds_reported < market.funds_expected as is_open,
        case
            when not (market.is_recent and market.funds_reported < market.funds_expected) then market.net_flow_usd
        end as streak_flow_usd,
        prices.reference_usd,
        prices.reference_method,
        prices.close_usd,
        prices.close_new_york_usd,
        supply.supply_native,
        supply.supply_method,
        expected.flows_expected
    from market
    left join expected on market.asset = expected.asset and market.trade_date = expected.trade_date
    left join {{ ref('int_desk__reference_prices') }} as prices
        on market.asset = prices.asset and market.trade_date = prices.trade_date
    left join {{ ref('int_desk__supply') }} as supply
        on market.asset = supply.asset and market.trade_date = supply.value_date
),

signed as (
    {{ with_streaks('valued', 'asset') }}
)

select
    asset,
    trade_date,
    net_flow_usd,
    net_flow_native,
    cast(funds_reported as integer) as funds_reported,
    cast(funds_expected as integer) as funds_expected,
    cast(funds_valued as integer) as funds_valued,
    funds_final = funds_expected and funds_expected > 0 as is_complete,
    is_open,
    {{ exact_sum_over('net_flow_usd', 'so_far') }} as cumulative_flow_usd,
    case
        when count(net_flow_native) over so_far = count(net_flow_usd) over so_far
            then sum(net_flow_native) over so_far
    end as cumulative_flow_native,
    cast(
        coalesce(max(flows_expected) over so_far, 0) - sum(funds_reported) over so_far as integer
    ) as cumulative_missing,
    {{ last_sessions_sum('net_flow_usd', 'is_open', 'asset', 5) }} as flow_5d_usd,
    {{ last_sessions_sum('net_flow_usd', 'is_open', 'asset', 20) }} as flow_20d_usd,
    {{ streak_sessions('asset') }} as flow_streak_sessions,
    {{ native('held_native') }} as held_native,
    net_assets_usd,
    reference_usd,
    reference_method,
    100 * cast(held_native as double) / nullif(supply_native, 0) as supply_share_pct,
    case when held_native is not null then supply_method end as supply_method,
    close_usd,
    close_new_york_usd
from signed
window so_far as (partition by asset order by trade_date rows between unbounded preceding and current row)
