with checks as (
    {{ checks_answered_by('depth') }}
),

-- A frozen book and a day with less than nine tenths of its snapshots say nothing about the emptiest moment.
days as (
    select
        checks.claim_id,
        checks.check_id,
        depth.value_date,
        depth.min_notional_usd
        / case checks.measure
            when 'lowest_of_median_pct' then depth.median_notional_usd
            when 'lowest_of_median_30d_before_pct' then depth.median_30d_before_usd
        end * 100 as lowest_pct
    from checks
    inner join {{ ref('market_depth_daily') }} as depth
        on
            checks.asset = depth.asset
            and checks.source = depth.venue
            and cast(checks.definition_id as double) = depth.band_pct
            and {{ is_day_in_window('depth.value_date') }}
    where depth.side = 'both' and not depth.is_frozen and 10 * depth.snapshots >= 9 * depth.expected_snapshots
)

select
    checks.claim_id,
    checks.check_id,
    min(days.lowest_pct) as observed_value,
    count(days.lowest_pct) as rows_used,
    {{ days_in_window() }} as rows_expected,
    max(days.value_date) as as_of
from checks
left join days on checks.claim_id = days.claim_id and checks.check_id = days.check_id
group by checks.claim_id, checks.check_id, checks.window_start_at, checks.window_end_at
