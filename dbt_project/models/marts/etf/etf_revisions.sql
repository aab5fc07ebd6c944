-- A figure printed before its session's close is a placeholder, and no report yet.
with cells as (
    select
        *,
        value is not null and not is_report as is_early
    from {{ ref('etf_observations') }}
),

changes as (
    select
        *,
        lag(value) over by_cell as previous_value,
        lag(archive_sha256) over by_cell as previous_archive_sha256,
        coalesce(lag(is_early) over by_cell, false) as is_after_placeholder,
        min(case when value is not null then observed_at end) over (
            partition by source, asset, ticker, value_date, metric
        ) as first_printed_at,
        count(case when value is not null and not is_early then 1 end) over (
            partition by source, asset, ticker, value_date, metric
            order by observed_at
            rows between unbounded preceding and 1 preceding
        ) as reports_before
    from cells
    window by_cell as (partition by source, asset, ticker, value_date, metric order by observed_at)
),

listed as (
    {{ listed_funds(ref('funds'), ref('market_sessions')) }}
),

-- When every listed fund had a figure of the day: until then its total is a running sum.
complete as (
    select
        first_figures.source,
        first_figures.asset,
        first_figures.value_date,
        max(first_figures.printed_at) as completed_at
    from (
        select
            source,
            asset,
            ticker,
            value_date,
            min(observed_at) as printed_at
        from cells
        where metric = 'net_flow_usd' and value is not null and not is_early
        group by source, asset, ticker, value_date
    ) as first_figures
    inner join listed
        on
            first_figures.asset = listed.asset
            and first_figures.ticker = listed.ticker
            and first_figures.value_date = listed.trade_date
    group by first_figures.source, first_figures.asset, first_figures.value_date
    having count(*) = max(listed.funds_expected)
),

revised as (
    select changes.*
    from changes
    left join complete
        on
            changes.source = complete.source
            and changes.asset = complete.asset
            and changes.value_date = complete.value_date
    where
        (changes.previous_value is not null or changes.reports_before > 0)
        and (
            changes.value <> changes.previous_value
            or (changes.value is null and changes.previous_value is not null)
            or (changes.value is not null and changes.previous_value is null)
        )
        and (changes.ticker <> 'TOTAL' or changes.observed_at > complete.completed_at)
),

splits as (
    select
        ticker,
        ratio
    from {{ ref('fund_events') }}
    where kind in ('split', 'reverse_split')
)

select
    revised.source,
    revised.asset,
    revised.ticker,
    revised.value_date,
    revised.metric,
    revised.observed_at,
    case
        when revised.is_after_placeholder then 'placeholder'
        when revised.metric = 'net_flow_usd' and revised.ticker <> 'TOTAL' and listed.ticker is null then 'unlisted'
        when revised.value is null then 'withdrawal'
        when revised.previous_value is null then 'restoration'
        when
            exists (
                select 1
                from splits
                where
                    splits.ticker = revised.ticker
                    and (
                        (
                            revised.metric = 'shares_outstanding'
                            and abs(revised.value - revised.previous_value * splits.ratio) <= 0.001e0 * revised.value
                        )
                        or (
                            revised.metric = 'nav_usd'
                            and abs(revised.value * splits.ratio - revised.previous_value)
                            <= 0.001e0 * revised.previous_value
                        )
                    )
            )
            then 'restatement'
        else 'correction'
    end as kind,
    revised.previous_value,
    revised.value,
    {{ hours_between('revised.first_printed_at', 'revised.observed_at') }} as hours_since_first,
    revised.previous_archive_sha256,
    revised.archive_sha256
from revised
left join listed
    on
        revised.asset = listed.asset
        and revised.ticker = listed.ticker
        and revised.value_date = listed.trade_date
