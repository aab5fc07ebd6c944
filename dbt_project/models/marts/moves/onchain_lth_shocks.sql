-- Both bounds were chosen on the published series since 2013, of whose 4,700 days they leave 46.
with shocks as (
    select
        excess.asset,
        excess.network,
        excess.series,
        excess.definition_id,
        excess.value_date,
        {{ add_days('excess.value_date', 'excess.age_days') }} as echo_date,
        excess.usual_change_sats,
        excess.excess_sats,
        excess.excess_deviations
    from {{ ref('int_moves__lth_excess') }} as excess
    left join {{ ref('onchain_known_moves') }} as moves
        on
            excess.asset = moves.asset
            and excess.network = moves.network
            and excess.value_date = moves.move_date
    where
        excess.asset = 'BTC'
        and excess.excess_sats < -90000e8
        and excess.excess_deviations < -6
        and moves.move_id is null
),

echoes as (
    {{ echoes('shocks') }}
)

select
    shocks.asset,
    shocks.network,
    shocks.series,
    shocks.definition_id,
    shocks.value_date,
    {{ native_from_sats('round(shocks.usual_change_sats)') }} as usual_change_native,
    {{ native_from_sats('round(shocks.excess_sats)') }} as excess_native,
    shocks.excess_deviations,
    shocks.echo_date,
    {{ native_from_sats('round(echoes.echo_sats)') }} as echo_native,
    echoes.echo_sats / -shocks.excess_sats as echo_ratio
from shocks
left join echoes
    on
        shocks.asset = echoes.asset
        and shocks.series = echoes.series
        and shocks.definition_id = echoes.definition_id
        and shocks.value_date = echoes.value_date
