-- What venues cover differs, so nothing is summed over venues or coverages, nor over longs and shorts beside `both`.
with days as (
    select
        asset,
        venue,
        value_date,
        side,
        coverage,
        {{ exact_sum('notional_usd') }} as notional_usd,
        {{ sum_if_all_known('events', '*') }} as events,
        max(largest_usd) as largest_usd,
        sum(covered_seconds) as covered_seconds
    from {{ ref('derivatives_liquidation_periods') }}
    group by asset, venue, value_date, side, coverage
)

select
    asset,
    venue,
    value_date,
    side,
    coverage,
    notional_usd,
    cast(events as bigint) as events,
    largest_usd,
    cast(least(covered_seconds, 86400) as bigint) as covered_seconds,
    -- A vendor adds up the same throttled streams.
    coverage in ('throttled_snapshot', 'vendor') or covered_seconds < 86400 as is_lower_bound
from days
