{{ config(meta={'dagster': {'ref': {'name': 'derivatives_liquidation_periods'}}}) }}
-- A day would count what two periods of one venue and coverage share twice.
with periods as (
    select
        asset,
        venue,
        coverage,
        side,
        period_start_at,
        period_seconds,
        lead(period_start_at) over (partition by asset, venue, coverage, side order by period_start_at) as next_start_at
    from {{ ref('derivatives_liquidation_periods') }}
)

select *
from periods
where 3600 * {{ hours_between('period_start_at', 'next_start_at') }} < period_seconds
