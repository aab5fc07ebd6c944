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
        filings.counted_session_date,
        {{ quarter_start('filings.quarter_end_date') }} as quarter_start_date,
        {{ add_days(quarter_start('filings.quarter_end_date'), -1) }} as quarter_end_before,
        funds.first_flow_date,
        funds.first_flow_date >= {{ quarter_start('filings.quarter_end_date') }} and converted.ticker is null as is_new,
        lag(filings.quarter_end_date) over by_quarter as filing_before_date,
        lag(filings.filed_native) over by_quarter as filed_native_before,
        lag(filings.counted_session_date) over by_quarter as counted_session_before
    from {{ ref('etf_filings') }} as filings
    inner join {{ ref('funds') }} as funds on filings.ticker = funds.ticker
    left join converted on filings.ticker = converted.ticker
    window by_quarter as (partition by filings.ticker order by filings.quarter_end_date)
),

-- The flows between two filings are those of the sessions that one counts and the other does not yet.
periods as (
    select
        quarters.*,
        case
            when quarters.is_new then 0
            when quarters.filing_before_date = quarters.quarter_end_before then quarters.filed_native_before
        end as native_before,
        case
            when quarters.is_new then quarters.first_flow_date
            when quarters.filing_before_date = quarters.quarter_end_before then sessions.next_session_date
            else quarters.quarter_start_date
        end as first_session_date
    from quarters
    left join {{ ref('market_sessions') }} as sessions on quarters.counted_session_before = sessions.session_date
),

dates as (
    select
        ticker,
        quarter_end_date as value_date
    from quarters
    union
    select
        ticker,
        quarter_end_before as value_date
    from quarters
    union
    select
        ticker,
        trade_date as value_date
    from flows
    union
    select
        ticker,
        event_date as value_date
    from events
),

fee_index as (
    {{ fee_indices('dates', ref('etf_fund_fees')) }}
),

-- Coins before fees. A period counts only if the source's days cover it.
inflows as (
    select
        periods.ticker,
        periods.quarter_end_date,
        flows.source,
        min(flows.trade_date) as first_trade_date,
        max(flows.trade_date) as last_trade_date,
        count(flows.net_flow_native) = count(flows.net_flow_usd) as are_all_valued,
        coalesce({{ exact_sum('cast(flows.net_flow_native as double) / fee_index.fee_index', digits=18) }}, 0) as scaled,
        cast(count(case when not flows.is_reported then 1 end) as integer) as sessions_missing
    from periods
    inner join flows
        on
            periods.ticker = flows.ticker
            and flows.trade_date >= periods.first_session_date
            and flows.trade_date <= periods.counted_session_date
    left join fee_index on flows.ticker = fee_index.ticker and flows.trade_date = fee_index.value_date
    group by periods.ticker, periods.quarter_end_date, flows.source
),

moved_in_kind as (
    select
        quarters.ticker,
        quarters.quarter_end_date,
        min(events.kind) as kind,
        {{ exact_sum('cast(events.native_amount as double) / fee_index.fee_index', digits=18) }} as scaled
    from quarters
    inner join events
        on
            quarters.ticker = events.ticker
            and events.event_date >= quarters.quarter_start_date
            and events.event_date <= quarters.quarter_end_date
    inner join fee_index on events.ticker = fee_index.ticker and events.event_date = fee_index.value_date
    group by quarters.ticker, quarters.quarter_end_date
),

compared as (
    select
        periods.asset,
        periods.ticker,
        periods.quarter_end_date,
        inflows.source,
        periods.filed_date,
        periods.filed_native,
        moved_in_kind.kind as explained_by,
        inflows.sessions_missing,
        case
            when
                inflows.are_all_valued
                and inflows.first_trade_date <= greatest(periods.first_session_date, periods.first_flow_date)
                and inflows.last_trade_date >= periods.counted_session_date
                then
                    of_quarter.fee_index
                    * (
                        cast(periods.native_before as double) / before.fee_index
                        + inflows.scaled
                        + coalesce(moved_in_kind.scaled, 0)
                    )
        end as expected_native
    from periods
    inner join inflows
        on periods.ticker = inflows.ticker and periods.quarter_end_date = inflows.quarter_end_date
    left join moved_in_kind
        on periods.ticker = moved_in_kind.ticker and periods.quarter_end_date = moved_in_kind.quarter_end_date
    left join fee_index as of_quarter
        on periods.ticker = of_quarter.ticker and periods.quarter_end_date = of_quarter.value_date
    left join fee_index as before
        on periods.ticker = before.ticker and periods.quarter_end_before = before.value_date
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
