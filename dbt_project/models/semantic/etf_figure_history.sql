{{ config(materialized='table_macro', schema='marts', parameter='of_ticker, of_date') }}

{%- set observations = ref('etf_observations').include(database=false) -%}
{%- set foreign = ref('etf_foreign_observations').include(database=false) -%}
{%- set filings = ref('etf_filings').include(database=false) -%}
{%- set funds = ref('funds').include(database=false) -%}
{%- set sessions = ref('market_sessions').include(database=false) %}

-- Every value that each figure of a fund, listed anywhere (or of the printed TOTAL), for a session had, each share count that the flow of
-- that session is derived from, and the filing that its coins go back to.
with asked as (
    select
        days.trade_date,
        days.ticker,
        case
            when funds.share_date_convention = 'settlement_date' then days.trade_date
            when funds.share_date_convention = 'trade_date' then sessions.previous_session_date
        end as count_before_date,
        case
            when funds.share_date_convention = 'settlement_date' then sessions.next_session_date
            when funds.share_date_convention = 'trade_date' then days.trade_date
        end as count_after_date
    from (
        select
            upper(cast(of_ticker as string)) as ticker,
            cast(of_date as date) as trade_date
    ) as days
    left join {{ funds }} as funds on days.ticker = funds.ticker
    left join {{ sessions }} as sessions on days.trade_date = sessions.session_date
),

observations as (
    select
        * exclude (is_report),
        source as archive_source,
        is_report
    from {{ observations }}
    union all
    select
        *,
        true as is_report
    from {{ foreign }}
),

seen as (
    select
        observations.*,
        case
            when observations.metric = 'net_flow_usd' then 'flow'
            when observations.metric = 'net_flow_native' then 'flow_native'
            when observations.metric = 'nav_usd' then 'nav'
            when observations.metric <> 'shares_outstanding' then observations.metric
            when observations.value_date = asked.count_before_date then 'count_before'
            when observations.value_date = asked.count_after_date then 'count_after'
            else observations.metric
        end as role,
        row_number() over (
            partition by observations.source, observations.asset, observations.value_date, observations.metric
            order by observations.observed_at desc
        ) as newest_first
    from observations
    inner join asked
        on
            observations.ticker = asked.ticker
            and (
                observations.value_date = asked.trade_date
                or (
                    observations.metric = 'shares_outstanding'
                    and observations.value_date in (asked.count_before_date, asked.count_after_date)
                )
            )
),

filed as (
    select
        filings.*,
        row_number() over (
            order by
                case when filings.quarter_end_date <= asked.trade_date then 0 else 1 end,
                abs({{ days_between('asked.trade_date', 'filings.quarter_end_date') }})
        ) as nearest_first
    from {{ filings }} as filings
    inner join asked on filings.ticker = asked.ticker
)

select
    ticker,
    asset,
    source,
    metric,
    role,
    value_date,
    observed_at,
    raw_text,
    value,
    case
        when newest_first > 1 then 'replaced'
        when value is null then 'blank'
        when not is_report then 'before_close'
        else 'counts'
    end as standing,
    archive_sha256,
    cast(null as string) as source_url,
    archive_source
from seen
union all
select
    ticker,
    asset,
    'filing' as source,
    'filed_native' as metric,
    'filing' as role,
    quarter_end_date as value_date,
    cast(filed_date as timestamp) as observed_at,
    cast(null as string) as raw_text,
    cast(filed_native as double) as value,
    'counts' as standing,
    cast(null as string) as archive_sha256,
    source_url,
    cast(null as string) as archive_source
from filed
where nearest_first = 1
