with days as (
    select
        *,
        {{ week_start('trade_date') }} as week_start_date
    from {{ ref('etf_fund_daily') }}
),

listed as (
    {{ listed_funds(ref('funds'), ref('market_sessions')) }}
),

expected as (
    select
        ticker,
        week_start_date,
        count(*) as expected_sessions
    from listed
    group by ticker, week_start_date
),

last_seen as (
    {{ last_seen_by_source(ref('etf_flows_daily')) }}
),

weeks as (
    select
        days.asset,
        days.ticker,
        days.week_start_date,
        {{ joined('days.flow_source', '+') }} as flow_source,
        {{ exact_sum('days.net_flow_usd') }} as net_flow_usd,
        {{ sum_if_all_known('days.net_flow_native', 'days.net_flow_usd') }} as net_flow_native,
        count(days.net_flow_usd) as sessions,
        count(case when days.is_reported and last_seen.observed_at >= listed.closes_at then listed.ticker end)
            as final_sessions,
        max(days.trade_date) as last_trade_date
    from days
    left join listed on days.ticker = listed.ticker and days.trade_date = listed.trade_date
    left join last_seen on days.flow_source = last_seen.source
    group by days.asset, days.ticker, days.week_start_date
),

open_weeks as (
    select
        asset,
        {{ week_start('trade_date') }} as week_start_date,
        count(case when is_open then 1 end) > 0 as is_open
    from {{ ref('etf_market_daily') }}
    group by asset, {{ week_start('trade_date') }}
)

select
    weeks.asset,
    weeks.ticker,
    weeks.week_start_date,
    weeks.flow_source,
    weeks.net_flow_usd,
    weeks.net_flow_native,
    cast(weeks.sessions as integer) as sessions,
    cast(coalesce(expected.expected_sessions, 0) as integer) as expected_sessions,
    coalesce(weeks.final_sessions = expected.expected_sessions, false) as is_complete,
    last_day.cumulative_flow_usd,
    last_day.cumulative_flow_native,
    cast(
        case
            when weeks.net_flow_usd is not null and not open_weeks.is_open
                then
                    rank() over (
                        partition by weeks.asset, weeks.week_start_date
                        order by
                            case when weeks.net_flow_usd is not null then 0 else 1 end,
                            round(weeks.net_flow_usd / 100000) desc
                    )
        end as integer
    ) as week_rank,
    last_day.held_native,
    last_day.net_assets_usd
from weeks
inner join days as last_day on weeks.ticker = last_day.ticker and weeks.last_trade_date = last_day.trade_date
inner join open_weeks on weeks.asset = open_weeks.asset and weeks.week_start_date = open_weeks.week_start_date
left join expected on weeks.ticker = expected.ticker and weeks.week_start_date = expected.week_start_date
