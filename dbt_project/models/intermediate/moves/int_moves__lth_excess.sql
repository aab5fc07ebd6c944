-- A day against the 28 days before and the 28 after it: the median, and the median distance from it. Every day goes to
-- those that it is around, so that nothing is compared with all of a series. In satoshi, of which the mean of two middle
-- ones may be a half: exact as doubles, so that no engine rounds them otherwise.
with changes as (
    select
        flows.asset,
        flows.network,
        flows.series,
        flows.definition_id,
        flows.value_date,
        steps.age_days,
        cast(flows.net_change_native * 100000000 as double) as net_change_sats
    from {{ ref('onchain_lth_flows_daily') }} as flows
    inner join {{ steps() }} as steps on flows.definition_id = steps.definition_id
    where flows.network = 'main' and flows.net_change_native is not null
),

places as (
    select {{ each_from_zero(56) }} as place
),

around as (
    select
        changes.asset,
        changes.series,
        changes.definition_id,
        {{ add_days('changes.value_date', 'places.place - 28') }} as value_date,
        changes.net_change_sats as other_change_sats
    from changes
    cross join places
    where places.place <> 28
),

usual as (
    select
        asset,
        series,
        definition_id,
        value_date,
        percentile_cont(0.5e0) within group (order by other_change_sats) as usual_change_sats
    from around
    group by asset, series, definition_id, value_date
),

measured as (
    select
        changes.*,
        usual.usual_change_sats
    from changes
    inner join usual
        on
            changes.asset = usual.asset
            and changes.series = usual.series
            and changes.definition_id = usual.definition_id
            and changes.value_date = usual.value_date
),

spreads as (
    select
        measured.asset,
        measured.series,
        measured.definition_id,
        measured.value_date,
        percentile_cont(0.5e0) within group (order by abs(around.other_change_sats - measured.usual_change_sats))
            as spread_sats
    from around
    inner join measured
        on
            around.asset = measured.asset
            and around.series = measured.series
            and around.definition_id = measured.definition_id
            and around.value_date = measured.value_date
    group by measured.asset, measured.series, measured.definition_id, measured.value_date
)

-- The standard deviation of a normal distribution is 1.4826 times the median distance from its median.
select
    measured.asset,
    measured.network,
    measured.series,
    measured.definition_id,
    measured.value_date,
    measured.age_days,
    measured.usual_change_sats,
    measured.net_change_sats - measured.usual_change_sats as excess_sats,
    (measured.net_change_sats - measured.usual_change_sats) / nullif(14826e-4 * spreads.spread_sats, 0)
        as excess_deviations
from measured
inner join spreads
    on
        measured.asset = spreads.asset
        and measured.series = spreads.series
        and measured.definition_id = spreads.definition_id
        and measured.value_date = spreads.value_date
