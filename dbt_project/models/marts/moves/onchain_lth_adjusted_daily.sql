with moves as (
    select * from {{ ref('onchain_known_moves') }}
),

holders as (
    select distinct
        flows.asset,
        flows.network,
        flows.series,
        flows.definition_id,
        steps.age_days
    from {{ ref('onchain_lth_flows_daily') }} as flows
    inner join {{ steps() }} as steps on flows.definition_id = steps.definition_id
),

moves_of_holders as (
    select
        holders.*,
        moves.move_id,
        moves.move_date,
        moves.continues_move_id,
        moves.is_adjusted_for,
        moves.is_adjusted_for and moves.continues_move_id is null as is_begun,
        moves.lth_low_native,
        moves.lth_high_native,
        spent.spent_native
    from moves
    inner join holders on moves.asset = holders.asset and moves.network = holders.network
    left join {{ ref('onchain_lth_flows_daily') }} as spent
        on
            holders.asset = spent.asset
            and holders.network = spent.network
            and holders.series = spent.series
            and holders.definition_id = spent.definition_id
            and moves.move_date = spent.value_date
),

-- What a day's long-term holders spent leaves room for beyond the low bounds, which are never cut; moves of one day
-- share it in the order of their names.
with_room as (
    select
        *,
        spent_native
        - (sum(case when is_begun then lth_low_native else 0 end) over of_day)
        - coalesce(
            sum(case when is_begun then lth_high_native - lth_low_native else 0 end) over (
                partition by asset, network, series, definition_id, move_date
                order by move_id
                rows between unbounded preceding and 1 preceding
            ), 0
        ) as room_native
    from moves_of_holders
    window of_day as (partition by asset, network, series, definition_id, move_date)
),

-- Coins that a continued move has lost may have been short-term by the definition, so nothing spent bounds them.
bounded as (
    select
        *,
        case
            when is_begun and room_native is not null
                then lth_low_native + greatest(0, least(lth_high_native - lth_low_native, room_native))
            else lth_high_native
        end as high_native
    from with_room
),

-- In the scenario of few internal coins, what ends a move takes as many as it may.
scenarios as (
    select
        bounded.*,
        'low' as scenario,
        lth_low_native as entered_native,
        case when is_adjusted_for then lth_low_native else lth_high_native end as continued_native
    from bounded
    union all
    select
        bounded.*,
        'high' as scenario,
        high_native as entered_native,
        case when is_adjusted_for then high_native else lth_low_native end as continued_native
    from bounded
),

-- The coins of a move stand in a line, the oldest first: a day's coins from start to end.
lots as (
    select
        *,
        end_native - entered_native as start_native
    from (
        select
            *,
            sum(entered_native) over (
                partition by asset, network, series, definition_id, scenario, move_id
                order by move_date
                rows between unbounded preceding and current row
            ) as end_native
        from scenarios
        where is_adjusted_for
    ) as ended
),

continuations as (
    select
        later.asset,
        later.network,
        later.series,
        later.definition_id,
        later.scenario,
        later.continues_move_id,
        later.move_id,
        later.move_date,
        later.continued_native,
        coalesce(
            sum(
                case
                    when {{ add_days('lots.move_date', 'lots.age_days') }} <= later.move_date then lots.entered_native
                    else 0
                end
            ), 0
        ) as matured_native
    from scenarios as later
    left join lots
        on
            later.asset = lots.asset
            and later.network = lots.network
            and later.series = lots.series
            and later.definition_id = lots.definition_id
            and later.scenario = lots.scenario
            and later.continues_move_id = lots.move_id
    where later.continues_move_id is not null
    group by
        later.asset, later.network, later.series, later.definition_id, later.scenario, later.continues_move_id,
        later.move_id, later.move_date, later.continued_native
),

-- Each continuation takes on where the one before ended, or behind what has matured since.
placed as (
    select
        *,
        so_far_native + max(matured_native - so_far_native + continued_native) over (
            partition by asset, network, series, definition_id, scenario, continues_move_id
            order by move_date, move_id
            rows between unbounded preceding and current row
        ) as end_native
    from (
        select
            *,
            sum(continued_native) over (
                partition by asset, network, series, definition_id, scenario, continues_move_id
                order by move_date, move_id
                rows between unbounded preceding and current row
            ) as so_far_native
        from continuations
    ) as summed
),

taken as (
    select
        lots.asset,
        lots.network,
        lots.series,
        lots.definition_id,
        lots.scenario,
        lots.move_date,
        placed.move_date as taken_date,
        sum(
            greatest(
                0,
                least(lots.end_native, placed.end_native)
                - greatest(lots.start_native, placed.end_native - placed.continued_native)
            )
        ) as taken_native
    from lots
    inner join placed
        on
            lots.asset = placed.asset
            and lots.network = placed.network
            and lots.series = placed.series
            and lots.definition_id = placed.definition_id
            and lots.scenario = placed.scenario
            and lots.move_id = placed.continues_move_id
    group by
        lots.asset, lots.network, lots.series, lots.definition_id, lots.scenario, lots.move_date, placed.move_date
),

days_of_moves as (
    select
        asset,
        network,
        series,
        definition_id,
        scenario,
        age_days,
        move_date,
        sum(entered_native) as entered_native
    from lots
    group by asset, network, series, definition_id, scenario, age_days, move_date
),

days as (
    select
        days_of_moves.*,
        {{ each_from_zero('age_days') }} as day_number
    from days_of_moves
),

born as (
    select
        asset,
        network,
        birth_date,
        sum(amount_native) as created_native
    from {{ ref('onchain_coin_created') }}
    where birth_date in (select move_date from moves)
    group by asset, network, birth_date
),

spent as (
    select
        asset,
        network,
        birth_date,
        spend_date,
        sum(amount_native) as spent_native
    from {{ ref('onchain_coin_flow') }}
    where birth_date in (select move_date from moves)
    group by asset, network, birth_date, spend_date
),

left_over as (
    select
        days.*,
        born.created_native,
        days.entered_native - sum(coalesce(taken.taken_native, 0)) over of_day as not_taken_native,
        born.created_native - sum(coalesce(spent.spent_native, 0)) over of_day as remaining_native
    from (
        select
            *,
            {{ add_days('move_date', 'day_number') }} as value_date
        from days
    ) as days
    left join taken
        on
            days.asset = taken.asset
            and days.network = taken.network
            and days.series = taken.series
            and days.definition_id = taken.definition_id
            and days.scenario = taken.scenario
            and days.move_date = taken.move_date
            and days.value_date = taken.taken_date
    left join born
        on
            days.series = 'derived'
            and days.asset = born.asset
            and days.network = born.network
            and days.move_date = born.birth_date
    left join spent
        on
            born.asset = spent.asset
            and born.network = spent.network
            and born.birth_date = spent.birth_date
            and days.value_date = spent.spend_date
    window of_day as (
        partition by days.asset, days.network, days.series, days.definition_id, days.scenario, days.move_date
        order by days.day_number
        rows between unbounded preceding and current row
    )
),

-- A node knows how many coins of the day are left: at most all that are left are internal, and at least those that the
-- others cannot be.
survivors as (
    select
        *,
        case
            when day_number = age_days then 0
            when remaining_native is null then not_taken_native
            when scenario = 'high' then least(not_taken_native, remaining_native)
            else least(not_taken_native, greatest(0, remaining_native - created_native + entered_native))
        end as held_native
    from left_over
),

changes as (
    select
        *,
        remaining_native is null as is_assumed,
        coalesce(
            lag(held_native) over (
                partition by asset, network, series, definition_id, scenario, move_date order by day_number
            ), entered_native
        ) as held_before_native
    from survivors
),

internal as (
    select
        asset,
        network,
        series,
        definition_id,
        value_date,
        max(case when is_assumed and held_native > 0 then 1 else 0 end) = 1 as is_assumed_unspent,
        {%- for scenario in ['low', 'high'] %}
        {%- set of_scenario = "scenario = '" ~ scenario ~ "'" %}
        {{ native("sum(case when " ~ of_scenario ~ " then held_native else 0 end)") }} as internal_{{ scenario }}_native,
        {{ native("sum(case when " ~ of_scenario ~ " and day_number = 0 then entered_native else 0 end)") }}
            as moved_{{ scenario }}_native,
        {{ native(
            "sum(case when " ~ of_scenario ~ " and day_number < age_days then held_before_native - held_native else 0 end)"
        ) }} as moved_again_{{ scenario }}_native,
        {{ native(
            "sum(case when " ~ of_scenario ~ " and day_number = age_days then held_before_native else 0 end)"
        ) }} as aged_{{ scenario }}_native{{ "," if not loop.last }}
        {%- endfor %}
    from changes
    group by asset, network, series, definition_id, value_date
),

flows as (
    select
        flows.*,
        supply.lth_native,
        supply.computation,
        coalesce(supply.supply_native, case when flows.asset = 'BTC' then 21000000 end) as most_native
    from {{ ref('onchain_lth_flows_daily') }} as flows
    inner join {{ ref('onchain_holder_supply_daily') }} as supply
        on
            flows.asset = supply.asset
            and flows.network = supply.network
            and flows.series = supply.series
            and flows.definition_id = supply.definition_id
            and flows.value_date = supply.value_date
    inner join {{ steps() }} as steps on flows.definition_id = steps.definition_id
),

-- Where the moves would keep more coins long-term than there are, the seed is wrong and no figure without them is known.
adjusted as (
    select
        flows.asset,
        flows.network,
        flows.series,
        flows.definition_id,
        flows.value_date,
        flows.lth_native,
        flows.net_change_native,
        flows.computation,
        flows.is_final,
        coalesce(internal.is_assumed_unspent, false) as is_assumed_unspent,
        {%- for scenario in ['low', 'high'] %}
        coalesce(
            flows.lth_native
            + greatest(
                internal.internal_{{ scenario }}_native,
                internal.moved_{{ scenario }}_native,
                internal.aged_{{ scenario }}_native
            ) > flows.most_native, false
        ) as is_beyond_{{ scenario }},
        coalesce(internal.internal_{{ scenario }}_native, 0) as internal_{{ scenario }}_native,
        coalesce(internal.moved_{{ scenario }}_native, 0) as moved_{{ scenario }}_native,
        coalesce(internal.moved_again_{{ scenario }}_native, 0) as moved_again_{{ scenario }}_native,
        coalesce(internal.aged_{{ scenario }}_native, 0) as aged_{{ scenario }}_native,
        flows.matured_native - coalesce(internal.aged_{{ scenario }}_native, 0) as matured_adjusted_{{ scenario }}_native,
        flows.spent_native
        - coalesce(internal.moved_{{ scenario }}_native, 0)
        + coalesce(internal.moved_again_{{ scenario }}_native, 0) as spent_adjusted_{{ scenario }}_native,
        flows.net_change_native
        + coalesce(internal.moved_{{ scenario }}_native, 0)
        - coalesce(internal.moved_again_{{ scenario }}_native, 0)
        - coalesce(internal.aged_{{ scenario }}_native, 0) as net_change_adjusted_{{ scenario }}_native,
        flows.lth_native + coalesce(internal.internal_{{ scenario }}_native, 0) as lth_adjusted_{{ scenario }}_native
        {{- "," if not loop.last }}
        {%- endfor %}
    from flows
    left join internal
        on
            flows.asset = internal.asset
            and flows.network = internal.network
            and flows.series = internal.series
            and flows.definition_id = internal.definition_id
            and flows.value_date = internal.value_date
)

select
    adjusted.asset,
    adjusted.network,
    adjusted.series,
    adjusted.definition_id,
    adjusted.value_date,
    adjusted.lth_native,
    adjusted.net_change_native,
    {%- for scenario in ['low', 'high'] %}
    {%- for measure in ['lth_adjusted', 'matured_adjusted', 'spent_adjusted', 'net_change_adjusted'] %}
    case
        when not adjusted.is_beyond_{{ scenario }}
            then {{ native("adjusted." ~ measure ~ "_" ~ scenario ~ "_native") }}
    end as {{ measure }}_{{ scenario }}_native,
    {%- endfor %}
    case
        when not adjusted.is_beyond_{{ scenario }} and not earlier.is_beyond_{{ scenario }}
            then {{ native("adjusted.lth_adjusted_" ~ scenario ~ "_native - earlier.lth_adjusted_" ~ scenario ~ "_native") }}
    end as net_change_30d_adjusted_{{ scenario }}_native,
    {%- for measure in ['internal', 'moved', 'moved_again', 'aged'] %}
    {{ native("adjusted." ~ measure ~ "_" ~ scenario ~ "_native") }} as {{ measure }}_{{ scenario }}_native,
    {%- endfor %}
    {%- endfor %}
    case
        when adjusted.internal_high_native = 0 then null
        when adjusted.is_assumed_unspent then 'assumed_unspent'
        else 'node'
    end as unspent_basis,
    adjusted.is_final
from adjusted
left join adjusted as earlier
    on
        adjusted.asset = earlier.asset
        and adjusted.network = earlier.network
        and adjusted.series = earlier.series
        and adjusted.definition_id = earlier.definition_id
        and adjusted.computation = earlier.computation
        and {{ add_days('adjusted.value_date', -30) }} = earlier.value_date
