{#
    The age from which each definition that is a step counts coins: of the project's, and of a user's own that have all
    of their weight at once. Only coins of one age become long-term together, so that they can be kept so.
#}
{% macro steps() %}
    (
        select
            definition_id,
            age_days
        from {{ ref('holder_definitions') }}
        where kind = 'step'
        union all
        select
            definition_id,
            max(age_days) as age_days
        from {{ ref('stg_own_seeds__holder_weights') }}
        group by definition_id
        having count(*) = 1 and max(weight) = 1000000000
    )
{% endmacro %}

{# Echoes of moves inside one owner: coins that moved on a day and not again are a definition's threshold old together. #}

{# What was above the usual on the three days around the echo, in satoshi as doubles; null until all three are known. #}
{% macro echoes(days) %}
    select
        days.asset,
        days.series,
        days.definition_id,
        days.value_date,
        case when count(excess.excess_sats) = 3 then {{ exact_sum("greatest(excess.excess_sats, 0)", 1) }} end as echo_sats
    from {{ days }} as days
    inner join {{ ref('int_moves__lth_excess') }} as excess
        on
            days.asset = excess.asset
            and days.series = excess.series
            and days.definition_id = excess.definition_id
            and excess.value_date >= {{ add_days('days.echo_date', -1) }}
            and excess.value_date <= {{ add_days('days.echo_date', 1) }}
    group by days.asset, days.series, days.definition_id, days.value_date
{% endmacro %}

{# A row per day that a known move touches by itself or by its echo, on main networks; a sale is none. #}
{% macro days_of_internal_moves() %}
    select
        asset,
        series as holder_series,
        definition_id,
        move_date as value_date,
        move_id as move
    from {{ ref('onchain_internal_moves') }}
    where network = 'main' and kind <> 'sale'
    union all
    select
        asset,
        series as holder_series,
        definition_id,
        echo_date as value_date,
        move_id || ' (echo)' as move
    from {{ ref('onchain_internal_moves') }}
    where network = 'main' and kind <> 'sale' and echo_date is not null
{% endmacro %}
