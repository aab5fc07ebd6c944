with checks as (
    {{ checks_answered_by('flows') }}
),

funds as (
    select * from {{ ref('funds') }}
),

sessions as (
    select * from {{ ref('market_sessions') }}
),

dated as (
    {{ dated_flows(ref('etf_flows_daily'), 'funds', 'sessions') }}
),

-- One row per flow that a check needs, reported or not: each listed fund on each session inside the window.
needed as (
    select
        checks.claim_id,
        checks.check_id,
        funds.ticker,
        sessions.session_date,
        sessions.week_start_date,
        case
            when checks.measure like '%_native' then cast(dated.net_flow_native as double)
            else dated.net_flow_usd
        end as net_flow
    from checks
    inner join sessions
        on sessions.opens_at >= checks.window_start_at and sessions.closes_at <= checks.window_end_at
    inner join funds
        on
            checks.asset = funds.asset
            and (checks.ticker is null or checks.ticker = funds.ticker or checks.measure = 'outflow_rank_usd')
            and sessions.session_date >= funds.first_flow_date
            and sessions.session_date <= coalesce(funds.last_flow_date, sessions.session_date)
    left join dated
        on
            funds.ticker = dated.ticker
            and sessions.session_date = dated.flow_date
            and checks.source = dated.source
            and checks.definition_id = dated.dating_convention
),

totals as (
    select
        claim_id,
        check_id,
        {{ exact_sum('net_flow') }} as net_flow,
        count(distinct case when net_flow is not null then ticker end) as funds_reporting,
        count(net_flow) as rows_used,
        count(*) as rows_expected,
        max(case when net_flow is not null then session_date end) as last_date
    from needed
    group by claim_id, check_id
),

ranks as (
    select
        claim_id,
        check_id,
        ticker,
        rank() over (partition by claim_id, check_id order by {{ exact_sum('net_flow') }} nulls last) as outflow_rank
    from needed
    group by claim_id, check_id, ticker
),

weeks as (
    select
        claim_id,
        check_id,
        week_start_date = max(week_start_date) over (partition by claim_id, check_id) as is_last,
        {{ exact_sum('net_flow') }} as net_flow
    from needed
    group by claim_id, check_id, week_start_date
),

weekly as (
    select
        claim_id,
        check_id,
        max(net_flow) as highest_week,
        percentile_cont(0.75e0) within group (order by net_flow) as upper_quartile_week,
        max(case when is_last then net_flow end)
        - {{ exact_sum('case when not is_last then net_flow end') }} / count(case when not is_last then net_flow end)
            as last_week_less_mean
    from weeks
    group by claim_id, check_id
)

select
    checks.claim_id,
    checks.check_id,
    case checks.measure
        when 'net_flow_usd' then totals.net_flow
        when 'funds_reporting_usd' then totals.funds_reporting
        when 'outflow_rank_usd' then ranks.outflow_rank
        when 'last_week_less_mean_usd' then weekly.last_week_less_mean
        when 'highest_week_native' then weekly.highest_week
        when 'upper_quartile_week_native' then weekly.upper_quartile_week
    end as observed_value,
    coalesce(totals.rows_used, 0) as rows_used,
    coalesce(totals.rows_expected, 0) as rows_expected,
    totals.last_date as as_of
from checks
left join totals on checks.claim_id = totals.claim_id and checks.check_id = totals.check_id
left join weekly on checks.claim_id = weekly.claim_id and checks.check_id = weekly.check_id
left join ranks
    on
        checks.claim_id = ranks.claim_id
        and checks.check_id = ranks.check_id
        and checks.ticker = ranks.ticker
