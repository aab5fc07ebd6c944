with checks as (
    {{ checks_answered_by('liquidations') }}
),

-- A check without a source adds all venues that publish their own liquidations, one without an asset every asset held.
-- What a vendor adds up would be counted twice beside them. Auto-deleveraging is another kind and in no total.
periods as (
    select
        checks.claim_id,
        checks.check_id,
        liquidations.asset,
        liquidations.venue,
        liquidations.coverage,
        liquidations.side,
        liquidations.value_date,
        liquidations.notional_usd,
        liquidations.covered_seconds,
        case
            when checks.asset is null or checks.source is null then 1
            when liquidations.coverage in ('throttled_snapshot', 'vendor') then 1
            when liquidations.covered_seconds < liquidations.period_seconds then 1
            else 0
        end as is_lower_bound
    from checks
    inner join {{ ref('derivatives_liquidation_periods') }} as liquidations
        on
            coalesce(checks.asset, liquidations.asset) = liquidations.asset
            and coalesce(checks.source, liquidations.venue) = liquidations.venue
            and (checks.source is not null or liquidations.coverage <> 'vendor')
            and checks.window_start_at <= liquidations.period_start_at
            and {{ hours_between('checks.window_start_at', 'liquidations.period_start_at') }}
            + liquidations.period_seconds / 3600e0 <= {{ hours_in_window() }}
    where liquidations.side in ('long', 'short', 'both') and liquidations.notional_usd is not null
),

sides as (
    select
        claim_id,
        check_id,
        asset,
        venue,
        coverage,
        side,
        {{ exact_sum('notional_usd') }} as notional_usd,
        sum(covered_seconds) as covered_seconds,
        max(is_lower_bound) as is_lower_bound,
        max(value_date) as last_date
    from periods
    group by claim_id, check_id, asset, venue, coverage, side
),

coverages as (
    select
        claim_id,
        check_id,
        asset,
        venue,
        coverage,
        {{ exact_sum('notional_usd') }} as total_usd,
        {{ exact_sum("case when side = 'long' then notional_usd end") }} as long_usd,
        {{ exact_sum("case when side = 'short' then notional_usd end") }} as short_usd,
        min(covered_seconds) as covered_seconds,
        max(is_lower_bound) as is_lower_bound,
        max(last_date) as last_date
    from sides
    group by claim_id, check_id, asset, venue, coverage
),

-- What a venue shows in two ways counts once: as that which shows more of it.
ordered as (
    select
        *,
        row_number() over (
            partition by claim_id, check_id, asset, venue order by total_usd desc, coverage
        ) as largest_first
    from coverages
),

-- The hours of the window that every one of them covers.
spans as (
    select
        checks.claim_id,
        checks.check_id,
        {{ exact_sum('ordered.total_usd') }} as total_usd,
        {{ exact_sum('ordered.long_usd') }} as long_usd,
        {{ exact_sum('ordered.short_usd') }} as short_usd,
        cast(floor(coalesce(min(ordered.covered_seconds), 0) / 3600) as integer) as hours_covered,
        {{ hours_in_window() }} as hours_expected,
        coalesce(max(ordered.is_lower_bound), 0) as is_part_missing,
        max(ordered.last_date) as last_date
    from checks
    left join ordered
        on
            checks.claim_id = ordered.claim_id
            and checks.check_id = ordered.check_id
            and ordered.largest_first = 1
    group by checks.claim_id, checks.check_id, checks.window_start_at, checks.window_end_at
),

bounds as (
    select
        *,
        is_part_missing = 1 or hours_covered < hours_expected as is_lower_bound
    from spans
)

-- A share of lower bounds bounds nothing, so they do not count for it.
select
    checks.claim_id,
    checks.check_id,
    case checks.measure
        when 'liquidated_usd' then bounds.total_usd
        when 'liquidated_long_usd' then bounds.long_usd
        when 'liquidated_short_usd' then bounds.short_usd
        when 'long_share_pct'
            then
                case
                    when not bounds.is_lower_bound
                        then bounds.long_usd / (bounds.long_usd + bounds.short_usd) * 100
                end
    end as observed_value,
    case when checks.measure = 'long_share_pct' and bounds.is_lower_bound then 0 else bounds.hours_covered end
        as rows_used,
    bounds.hours_expected as rows_expected,
    bounds.last_date as as_of,
    bounds.is_lower_bound
from checks
inner join bounds on checks.claim_id = bounds.claim_id and checks.check_id = bounds.check_id
