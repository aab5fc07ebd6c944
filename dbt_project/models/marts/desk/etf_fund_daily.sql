{%- set relations = {
    'filings': ref('etf_filings'),
    'holdings': ref('etf_holdings_daily'),
    'events': ref('fund_events'),
    'fees': ref('etf_fund_fees'),
    'funds': ref('funds'),
    'sessions': ref('market_sessions'),
} -%}

with listed as (
    {{ listed_funds(ref('funds'), ref('market_sessions')) }}
),

preferred as (
    {{ preferred_flows(ref('etf_flows_daily'), ref('flow_sources')) }}
),

spans as (
    select
        asset,
        ticker,
        min(trade_date) as first_date,
        max(max(trade_date)) over (partition by asset) as last_date
    from preferred
    group by asset, ticker
),

-- A fund's days go on to the last session that any source of its asset has begun. Figures of days before its first flow
-- are not summed.
flows as (
    select
        preferred.*,
        coalesce(preferred.trade_date >= funds.first_flow_date, true) as is_counted
    from preferred
    left join {{ ref('funds') }} as funds on preferred.ticker = funds.ticker
    union all
    select
        listed.asset,
        listed.ticker,
        listed.trade_date,
        null as flow_source,
        null as flow_difference_usd,
        null as net_flow_usd,
        null as net_flow_native,
        false as is_reported,
        true as is_counted
    from listed
    inner join spans
        on
            listed.ticker = spans.ticker
            and listed.trade_date >= spans.first_date
            and listed.trade_date <= spans.last_date
    left join preferred on listed.ticker = preferred.ticker and listed.trade_date = preferred.trade_date
    where preferred.ticker is null
),

{{ held_ctes(relations) }},

{{ average_cost_ctes() }},

listed_so_far as (
    select
        ticker,
        trade_date,
        funds_expected,
        row_number() over (partition by ticker order by trade_date) as sessions_listed
    from listed
),

-- A day is open while a listed fund may still report.
days as (
    select
        flows.asset,
        flows.trade_date,
        row_number() over (partition by flows.asset order by flows.trade_date desc) <= {{ open_sessions() }}
            as is_recent,
        max(listed_so_far.funds_expected) > count(case when flows.is_reported then listed_so_far.ticker end)
            as has_unreported
    from flows
    left join listed_so_far on flows.ticker = listed_so_far.ticker and flows.trade_date = listed_so_far.trade_date
    group by flows.asset, flows.trade_date
),

valued as (
    select
        flows.*,
        flows.net_flow_usd as streak_flow_usd,
        case when flows.is_counted then flows.net_flow_usd end as counted_usd,
        case when flows.is_counted then flows.net_flow_native end as counted_native,
        days.is_recent and not flows.is_reported as is_open,
        coalesce(days.is_recent and days.has_unreported, false) as is_day_open,
        listed_so_far.sessions_listed,
        held.held_native,
        held.held_method,
        held.held_anchor_date,
        held.held_error_bps,
        coalesce(own.nav_usd / own.native_per_share, prices.reference_usd) as reference_usd,
        case
            when own.nav_usd / own.native_per_share is not null then 'own_nav' else prices.reference_method
        end as reference_method,
        coalesce(
            held.shares_usd, held.held_native * coalesce(own.nav_usd / own.native_per_share, prices.reference_usd)
        ) as net_assets_usd,
        case when converted.ticker is null and covered.is_from_launch then costs.average_cost_usd end
            as average_cost_usd,
        supply.supply_native,
        supply.supply_method
    from flows
    inner join days on flows.asset = days.asset and flows.trade_date = days.trade_date
    left join covered on flows.ticker = covered.ticker
    left join converted on flows.ticker = converted.ticker
    left join listed_so_far on flows.ticker = listed_so_far.ticker and flows.trade_date = listed_so_far.trade_date
    left join held on flows.ticker = held.ticker and flows.trade_date = held.trade_date
    left join costs on flows.ticker = costs.ticker and flows.trade_date = costs.trade_date
    left join {{ ref('etf_holdings_daily') }} as own
        on flows.ticker = own.ticker and flows.trade_date = own.as_of_date
    left join {{ ref('int_desk__reference_prices') }} as prices
        on flows.asset = prices.asset and flows.trade_date = prices.trade_date
    left join {{ ref('int_desk__supply') }} as supply
        on flows.asset = supply.asset and flows.trade_date = supply.value_date
),

signed as (
    {{ with_streaks('valued', 'ticker') }}
)

select
    asset,
    ticker,
    trade_date,
    flow_source,
    flow_difference_usd,
    net_flow_usd,
    net_flow_native,
    is_reported,
    is_open,
    {{ exact_sum_over('counted_usd', 'so_far') }} as cumulative_flow_usd,
    case
        when count(counted_native) over so_far = count(counted_usd) over so_far then sum(counted_native) over so_far
    end as cumulative_flow_native,
    cast(
        coalesce(max(sessions_listed) over so_far, 0)
        - count(case when is_reported then sessions_listed end) over so_far as integer
    ) as cumulative_missing,
    {{ last_sessions_sum('net_flow_usd', 'is_open', 'ticker', 5) }} as flow_5d_usd,
    {{ last_sessions_sum('net_flow_usd', 'is_open', 'ticker', 20) }} as flow_20d_usd,
    {{ streak_sessions('ticker') }} as flow_streak_sessions,
    cast(
        case
            when is_reported and not is_day_open
                then
                    rank() over (
                        partition by asset, trade_date
                        order by case when is_reported then 0 else 1 end, round(net_flow_usd / 100000) desc
                    )
        end as integer
    ) as day_rank,
    cast(
        case
            when is_reported
                then
                    rank() over (
                        partition by ticker order by case when is_reported then 0 else 1 end, net_flow_usd
                    )
        end as integer
    ) as history_rank,
    {{ native('held_native') }} as held_native,
    held_method,
    held_anchor_date,
    held_error_bps,
    reference_usd,
    reference_method,
    net_assets_usd,
    average_cost_usd,
    case
        when not is_day_open
            then 100 * net_assets_usd / nullif({{ exact_sum_over('net_assets_usd', 'of_asset') }}, 0)
    end as market_share_pct,
    100 * net_flow_usd / nullif(lag(net_assets_usd) over by_session, 0) as flow_of_assets_pct,
    100 * held_native / nullif(supply_native, 0) as supply_share_pct,
    case when held_native is not null then supply_method end as supply_method,
    cast(null as double) as premium_pct,
    nullif(
        concat_ws(
            ', ',
            case when is_open then 'flow not reported yet' when not is_reported then 'flow never reported' end,
            case when held_native is null then 'coins held' end,
            case when net_assets_usd is null then 'net assets' end,
            case when supply_native is null then 'supply' end
        ),
        ''
    ) as missing
from signed
window
    by_session as (partition by ticker order by trade_date),
    so_far as (partition by ticker order by trade_date rows between unbounded preceding and current row),
    of_asset as (partition by asset, trade_date)
