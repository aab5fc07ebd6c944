with flows as (
    select * from {{ ref('etf_flows_daily') }}
),

funds as (
    select * from {{ ref('funds') }}
),

sessions as (
    select * from {{ ref('market_sessions') }}
),

dated as (
    {{ dated_flows('flows', 'funds', 'sessions') }}
),

listed as (
    {{ listed_funds('funds', 'sessions') }}
),

-- A figure on a day without a listing does not replace a missing one.
weeks as (
    select
        dated.asset,
        dated.ticker,
        {{ week_start('dated.flow_date') }} as week_start_date,
        dated.source,
        dated.dating_convention,
        {{ exact_sum('dated.net_flow_usd') }} as net_flow_usd,
        {{ sum_if_all_known('dated.net_flow_native', 'dated.net_flow_usd') }} as net_flow_native,
        count(dated.net_flow_usd) as sessions,
        count(case when dated.net_flow_usd is not null then listed.ticker end) as listed_sessions
    from dated
    left join listed on dated.ticker = listed.ticker and dated.flow_date = listed.trade_date
    group by dated.asset, dated.ticker, dated.source, dated.dating_convention, {{ week_start('dated.flow_date') }}
),

expected as (
    select
        ticker,
        week_start_date,
        count(*) as expected_sessions,
        max(closes_at) as closes_at
    from listed
    group by ticker, week_start_date
),

last_seen as (
    {{ last_seen_by_source('flows') }}
)

select
    weeks.asset,
    weeks.ticker,
    weeks.week_start_date,
    weeks.source,
    weeks.dating_convention,
    weeks.net_flow_usd,
    weeks.net_flow_native,
    cast(weeks.sessions as integer) as sessions,
    cast(coalesce(expected.expected_sessions, 0) as integer) as expected_sessions,
    coalesce(
        weeks.listed_sessions = expected.expected_sessions and last_seen.observed_at >= expected.closes_at, false
    ) as is_complete
from weeks
left join expected on weeks.ticker = expected.ticker and weeks.week_start_date = expected.week_start_date
left join last_seen on weeks.source = last_seen.source
