{# Which filings' coins per share can be believed, as SQL over the relations passed in; see `funds.sql`. #}

{#
    CTEs share_index and filings, after cells, closes and counted. From one filing to the next, coins per share fall by
    the fee, by a split's ratio and by what a spin-off took. A filing is believed where it is within 5 basis points of
    that path, or one coin: some file whole ones. The first is believed where the second agrees, or while it is alone.
#}
{% macro filings_ctes(relations, ts) %}
known_filings as (
    select
        *,
        cast(filed_native as double) / shares_outstanding as native_per_share,
        lag(quarter_end_date) over by_quarter as quarter_end_before,
        lag(cast(filed_native as double) / shares_outstanding) over by_quarter as native_per_share_before
    from {{ relations.filings }}
    {% if ts %}where filed_date <= cast({{ ts }} as date){% endif %}
    window by_quarter as (partition by ticker order by quarter_end_date)
),

-- The part of its coins that a fund kept when it gave some away: of those that were settled the day before, so that
-- the trades of the last session are not among them. Flows since the filing before are worth their day's close.
spin_offs as (
    select
        ticker,
        event_date,
        1 + native_amount / (filed_native + flows_native) as kept
    from (
        select
            events.ticker,
            events.event_date,
            cast(events.native_amount as double) as native_amount,
            cast(filings.filed_native as double) as filed_native,
            {{ exact_sum('coalesce(cells.value / closes.close_usd, 0)') }} as flows_native,
            row_number() over (
                partition by events.ticker, events.event_date order by filings.quarter_end_date desc
            ) as newest_first
        from {{ relations.events }} as events
        inner join known_filings as filings
            on events.ticker = filings.ticker and events.event_date > filings.quarter_end_date
        left join {{ relations.sessions }} as sessions
            on
                sessions.session_date > filings.counted_session_date
                and sessions.next_session_date < events.event_date
        left join cells
            on
                events.ticker = cells.ticker
                and filings.asset = cells.asset
                and sessions.session_date = cells.value_date
                and cells.source = 'farside'
                and cells.metric = 'net_flow_usd'
        left join closes on cells.asset = closes.asset and cells.value_date = closes.value_date
        where events.kind = 'spin_off' and events.native_amount < 0
        group by
            events.ticker, events.event_date, events.native_amount, filings.quarter_end_date, filings.filed_native
    ) as by_filing
    where newest_first = 1 and native_amount + filed_native + flows_native > 0
),

share_dates as (
    select
        ticker,
        as_of_date as value_date
    from counted
    union
    select
        ticker,
        quarter_end_date as value_date
    from known_filings
),

-- Coins behind a share on each date, of one coin on the first day: what fees and spin-offs left.
share_index as (
    select
        fees.ticker,
        fees.value_date,
        fees.fee_index * exp(coalesce({{ exact_sum('ln(spin_offs.kept)', digits=18) }}, 0)) as share_index
    from ({{ fee_indices('share_dates', relations.fees) }}) as fees
    left join spin_offs on fees.ticker = spin_offs.ticker and fees.value_date >= spin_offs.event_date
    group by fees.ticker, fees.value_date, fees.fee_index
),

splits_filed as (
    select
        filings.ticker,
        filings.quarter_end_date,
        max(events.ratio) as ratio
    from known_filings as filings
    inner join {{ relations.events }} as events
        on
            filings.ticker = events.ticker
            and events.event_date > filings.quarter_end_before
            and events.event_date <= filings.quarter_end_date
    where events.kind in ('split', 'reverse_split')
    group by filings.ticker, filings.quarter_end_date
),

-- Off the path from the filing before. Some counts are restated for a split that came later: it does not show then.
paths as (
    select
        known_filings.*,
        known_filings.native_per_share / known_filings.native_per_share_before
        * before.share_index / of_filing.share_index as off,
        coalesce(splits_filed.ratio, 1) as split_ratio
    from known_filings
    left join share_index as of_filing
        on known_filings.ticker = of_filing.ticker and known_filings.quarter_end_date = of_filing.value_date
    left join share_index as before
        on known_filings.ticker = before.ticker and known_filings.quarter_end_before = before.value_date
    left join splits_filed
        on
            known_filings.ticker = splits_filed.ticker
            and known_filings.quarter_end_date = splits_filed.quarter_end_date
),

agreements as (
    select
        *,
        least(abs(off - 1), abs(off * split_ratio - 1)) <= greatest(5e-4, 1 / cast(filed_native as double)) as agrees
    from paths
),

filings as (
    select
        *,
        case
            when quarter_end_before is null then coalesce(lead(agrees) over by_quarter, true)
            else coalesce(agrees, false)
        end as is_believed
    from agreements
    window by_quarter as (partition by ticker order by quarter_end_date)
)
{% endmacro %}
