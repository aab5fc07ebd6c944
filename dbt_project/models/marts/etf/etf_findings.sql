with flows as (
    select * from {{ ref('etf_flows_daily') }}
),

sessions as (
    select * from {{ ref('market_sessions') }}
),

unknown_funds as (
    select
        'unknown_fund' as kind,
        flows.source,
        flows.asset,
        flows.ticker,
        min(flows.trade_date) as value_date,
        'no seed row names this fund; its flows count in the sums' as detail
    from flows
    left join {{ ref('funds') }} as funds on flows.ticker = funds.ticker and flows.asset = funds.asset
    where funds.ticker is null
    group by flows.source, flows.asset, flows.ticker
),

-- A 0.0 on such a day is a placeholder: a fund's column stands there before its first flow.
unlisted_funds as (
    select
        'unlisted_fund' as kind,
        flows.source,
        flows.asset,
        flows.ticker,
        min(flows.trade_date) as value_date,
        'reports flows on days the seed does not list it for; they count in the sums' as detail
    from flows
    inner join {{ ref('funds') }} as funds on flows.ticker = funds.ticker and flows.asset = funds.asset
    where
        flows.net_flow_usd <> 0
        and (
            flows.trade_date < funds.first_flow_date
            or flows.trade_date > funds.last_flow_date
            or funds.first_flow_date is null
        )
    group by flows.source, flows.asset, flows.ticker
),

-- The slowest cell ever reported took 279 hours; ten sessions are longer. Each issuer has sessions of its own: the last
-- waits for the count that settles it, however long ago that issuer was asked.
blanks as (
    select
        flows.source,
        flows.asset,
        flows.ticker,
        flows.trade_date,
        max(case when flows.is_reported then 1 else 0 end) over (
            partition by flows.source, flows.asset, flows.ticker
        ) = 1 as is_ever_reported,
        flows.is_reported,
        dense_rank() over (
            partition by flows.source, case when flows.source = 'issuer' then flows.ticker end
            order by flows.trade_date desc
        ) as sessions_ago
    from flows
),

never_reported as (
    select
        'never_reported' as kind,
        source,
        asset,
        ticker,
        trade_date as value_date,
        'still blank ten sessions later; sums of this day lack it' as detail
    from blanks
    where not is_reported and is_ever_reported and sessions_ago > 10
),

missing_funds as (
    select
        'missing_fund' as kind,
        source,
        asset,
        ticker,
        min(trade_date) as value_date,
        'the seed lists it and the source has no figure of it; every day of its asset lacks it' as detail
    from blanks
    where not is_ever_reported and sessions_ago > 10
    group by source, asset, ticker
),

source_differences as (
    select
        'sources_differ' as kind,
        source_a || ' and ' || source_b as source,
        asset,
        ticker,
        trade_date as value_date,
        'their flows differ by more than rounding' as detail
    from {{ ref('etf_source_differences') }}
    where abs(difference_usd) > rounding_usd
),

-- Fees, rounding and the price of the day leave single-digit basis points of what a fund holds, some tens where a
-- small fund turned over much of it.
filings_off as (
    select
        'filing_off' as kind,
        source,
        asset,
        ticker,
        quarter_end_date as value_date,
        'coins filed are 50 basis points or more off coins filed before and flows since' as detail
    from {{ ref('etf_filing_reconciliation') }}
    where abs(difference_bps) >= 50
),

outside_sessions as (
    select
        'not_a_session' as kind,
        observations.source,
        observations.asset,
        observations.ticker,
        observations.value_date,
        'a flow was printed for a day without a session; no row shows it' as detail
    from {{ ref('etf_observations') }} as observations
    left join sessions on observations.value_date = sessions.session_date
    where
        observations.metric = 'net_flow_usd'
        and observations.ticker <> 'TOTAL'
        and observations.value is not null
        and sessions.session_date is null
    group by observations.source, observations.asset, observations.ticker, observations.value_date
),

implausible_counts as (
    select
        finding as kind,
        'issuer' as source,
        asset,
        ticker,
        as_of_date as value_date,
        case
            when finding = 'unknown_split'
                then 'NAV and count moved by inverse ratios, as by a split that no seed row names; the flow is null'
            when finding = 'copied_row'
                then 'the NAV is that of the two sessions before, as in a row copied from them; count and NAV are null'
            when finding = 'implausible_nav'
                then 'the NAV moves as no price did; the flow is null, and the NAV where it does not last'
            else 'the count moves as no other source confirms; the flow is null, and the count where it does not last'
        end as detail
    from {{ ref('int_etf__share_counts') }}
    where finding is not null
),

-- A figure may change more than once, and a total be off by another sum.
said_of_pages as (
    select
        kind,
        source,
        asset,
        ticker,
        value_date,
        max(detail) as detail
    from (
        select * from {{ ref('stg_farside__findings') }}
        union all
        select * from {{ ref('stg_issuers__findings') }}
    ) as findings
    group by kind, source, asset, ticker, value_date
)

select * from unknown_funds
union all
select * from unlisted_funds
union all
select * from never_reported
union all
select * from missing_funds
union all
select * from source_differences
union all
select * from filings_off
union all
select * from outside_sessions
union all
select * from implausible_counts
union all
select * from said_of_pages
