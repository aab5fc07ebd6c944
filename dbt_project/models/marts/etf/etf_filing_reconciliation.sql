with flows as (
    select * from {{ ref('etf_flows_daily') }}
),

events as (
    select * from {{ ref('fund_events') }}
    where native_amount is not null
),

-- Trusts that held coins before they became exchange-traded funds.
converted as (
    select distinct ticker
    from {{ ref('fund_events') }}
    where kind = 'conversion'
),

-- A fund that began in the quarter starts with 0 coins, any other with what it filed a quarter earlier.
quarters as (
    select
        filings.asset,
        filings.ticker,
        filings.quarter_end_date,
        filings.filed_date,
        filings.filed_native,
        funds.fee_bps / 10000.0 as fee,
        {{ quarter_start('filings.quarter_end_date') }} as quarter_start_date,
        {{ days_between(quarter_start('filings.quarter_end_date'), 'filings.quarter_end_date') }} + 1 as days,
        case
            when
                funds.first_flow_date >= {{ quarter_start('filings.quarter_end_date') }} and converted.ticker is null
                then 0
            when
                lag(filings.quarter_end_date) over by_quarter
                = {{ add_days(quarter_start('filings.quarter_end_date'), -1) }}
                then lag(filings.filed_native) over by_quarter
        end as native_before
    from {{ ref('etf_filings') }} as filings
    inner join {{ ref('funds') }} as funds on filings.ticker = funds.ticker
    left join converted on filings.ticker = converted.ticker
    window by_quarter as (partition by filings.ticker order by filings.quarter_end_date)
),

sessions as (
    select
        session_date,
        {{ quarter_start('session_date') }} as quarter_start_date
    from {{ ref('market_sessions') }}
),

last_sessions as (
    select
        quarter_start_date,
        min(session_date) as first_session_date,
        max(session_date) as last_session_date
    from sessions
    group by quarter_start_date
),

-- Fees reduce inflows by the days since. A quarter counts only if the source's days cover it.
inflows as (
    select
        quarters.ticker,
        quarters.quarter_end_date,
        flows.source,
        min(flows.trade_date) as first_trade_date,
        max(flows.trade_date) as last_trade_date,
        {{ sum_if_all_known('flows.net_flow_native', 'flows.net_flow_usd') }} as net_flow_native,
        {{ exact_sum(
            "cast(flows.net_flow_native as double) * power(1 - quarters.fee, "
            ~ days_between('flows.trade_date', 'quarters.quarter_end_date') ~ " / 365.0)",
            digits=18
        ) }} as native_after_fee,
        cast(count(case when not flows.is_reported then 1 end) as integer) as sessions_missing
    from quarters
    inner join flows
        on
            quarters.ticker = flows.ticker
            and flows.trade_date >= quarters.quarter_start_date
            and flows.trade_date <= quarters.quarter_end_date
    group by quarters.ticker, quarters.quarter_end_date, flows.source
),

moved_in_kind as (
    select
        quarters.ticker,
        quarters.quarter_end_date,
        min(events.kind) as kind,
        sum(events.native_amount) as native_amount
    from quarters
    inner join events
        on
            quarters.ticker = events.ticker
            and events.event_date >= quarters.quarter_start_date
            and events.event_date <= quarters.quarter_end_date
    group by quarters.ticker, quarters.quarter_end_date
),

compared as (
    select
        quarters.asset,
        quarters.ticker,
        quarters.quarter_end_date,
        inflows.source,
        quarters.filed_date,
        quarters.filed_native,
        moved_in_kind.kind as explained_by,
        inflows.sessions_missing,
        case
            when
                inflows.net_flow_native is not null
                and inflows.first_trade_date <= greatest(last_sessions.first_session_date, funds.first_flow_date)
                and inflows.last_trade_date >= last_sessions.last_session_date
                then
                    cast(quarters.native_before as double) * power(1 - quarters.fee, quarters.days / 365.0)
                    + inflows.native_after_fee
                    + coalesce(cast(moved_in_kind.native_amount as double), 0)
        end as expected_native
    from quarters
    inner join inflows
        on quarters.ticker = inflows.ticker and quarters.quarter_end_date = inflows.quarter_end_date
    inner join {{ ref('funds') }} as funds on quarters.ticker = funds.ticker
    inner join last_sessions on quarters.quarter_start_date = last_sessions.quarter_start_date
    left join moved_in_kind
        on quarters.ticker = moved_in_kind.ticker and quarters.quarter_end_date = moved_in_kind.quarter_end_date
)

select
    asset,
    ticker,
    quarter_end_date,
    source,
    filed_date,
    filed_native,
    {{ native('expected_native') }} as expected_native,
    {{ native('cast(filed_native as double) - expected_native') }} as difference_native,
    (cast(filed_native as double) / expected_native - 1) * 10000 as difference_bps,
    explained_by,
    sessions_missing
from compared
