with moves as (
    select * from {{ ref('onchain_known_moves') }}
),

holders as (
    select distinct
        asset,
        network,
        series,
        definition_id
    from {{ ref('onchain_lth_flows_daily') }}
),

days as (
    select
        holders.series,
        holders.definition_id,
        moves.*,
        moves.move_date as value_date,
        {{ add_days('moves.move_date', 'steps.age_days') }} as echo_date
    from moves
    inner join holders on moves.asset = holders.asset and moves.network = holders.network
    left join {{ steps() }} as steps on holders.definition_id = steps.definition_id
),

days_once as (
    select distinct
        asset,
        series,
        definition_id,
        value_date,
        echo_date
    from days
    where network = 'main'
),

echoes as (
    {{ echoes('days_once') }}
),

-- The low bounds of a day's moves together, where these lost long-term coins alone.
lows as (
    select
        *,
        sum(case when is_adjusted_for and continues_move_id is null then lth_low_native else 0 end) over (
            partition by asset, network, series, definition_id, move_date
        ) as day_low_native
    from days
),

measured as (
    select
        lows.*,
        flows.net_change_native,
        coalesce(flows.spent_native, supply.lth_native - flows.net_change_native) as most_spent_native,
        excess.usual_change_sats,
        excess.excess_sats,
        excess.excess_deviations,
        echoes.echo_sats,
        echoes.echo_sats / -nullif(least(excess.excess_sats, 0), 0) as echo_ratio
    from lows
    left join {{ ref('onchain_lth_flows_daily') }} as flows
        on
            lows.asset = flows.asset
            and lows.network = flows.network
            and lows.series = flows.series
            and lows.definition_id = flows.definition_id
            and lows.move_date = flows.value_date
    left join {{ ref('onchain_holder_supply_daily') }} as supply
        on
            lows.asset = supply.asset
            and lows.network = supply.network
            and lows.series = supply.series
            and lows.definition_id = supply.definition_id
            and lows.move_date = supply.value_date
    left join {{ ref('int_moves__lth_excess') }} as excess
        on
            lows.asset = excess.asset
            and lows.network = excess.network
            and lows.series = excess.series
            and lows.definition_id = excess.definition_id
            and lows.move_date = excess.value_date
    left join echoes
        on
            excess.asset = echoes.asset
            and excess.series = echoes.series
            and excess.definition_id = echoes.definition_id
            and excess.value_date = echoes.value_date
)

select
    asset,
    network,
    move_id,
    move_date,
    series,
    definition_id,
    owner,
    kind,
    confidence,
    source_url,
    continues_move_id,
    amount_native,
    lth_low_native,
    lth_high_native,
    net_change_native,
    {{ native_from_sats('round(usual_change_sats)') }} as usual_change_native,
    {{ native_from_sats('round(excess_sats)') }} as excess_native,
    excess_deviations,
    echo_date,
    {{ native_from_sats('round(echo_sats)') }} as echo_native,
    echo_ratio,
    case
        when is_adjusted_for and continues_move_id is null and day_low_native > most_spent_native then 'exceeds_spent'
        when echo_date is null or excess_sats is null then 'not_measured'
        when excess_deviations is null or excess_deviations > -3 then 'not_visible'
        when echo_sats is null then 'assumed_unspent'
        when echo_ratio >= 7e-1 then 'not_moved_again'
        when echo_ratio >= 3e-1 then 'partly_moved_again'
        else 'moved_again'
    end as echo_verdict
from measured
