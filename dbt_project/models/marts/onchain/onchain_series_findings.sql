{%- set halvings = [(10500000, 1), (15750000, 2), (18375000, 4), (19687500, 8), (20343750, 16)] -%}

with days as (
    select
        asset,
        network,
        series,
        value_date,
        lth_native + sth_native as supply_native,
        lag(value_date) over by_day as day_before,
        lag(lth_native + sth_native) over by_day as supply_before_native,
        {{ since_day_before('lth_native', 'computation') }} as net_change_native,
        {%- for sum, vintage in published_sums() %}
        {%- if vintage == 'lth_flows_vintage' %}
        {{ since_day_before(sum, vintage) }} as {{ sum | replace('_so_far', '') }},
        {%- endif %}
        {%- endfor %}
        coalesce(
            lag(computation) over by_day <> computation
            {%- for sum, vintage in published_sums() %}
            or (
                {{ sum }} is not null
                and lag({{ sum }}) over by_day is not null
                and lag({{ vintage }}) over by_day <> {{ vintage }}
            )
            {%- endfor %}, false
        ) as is_seam
    from {{ ref('int_onchain__published_supply') }}
    window by_day as (partition by asset, network, series order by value_date)
),

changes as (
    select
        *,
        supply_native - supply_before_native as supply_change_native,
        {{ days_between('day_before', 'value_date') }} as days_since,
        -- 144 blocks of a day were meant. In a recorded series no day since 2011 but its errors has more than 2.15 times
        -- as many, while difficulty lagged behind by a factor of four in July 2010.
        144 * case when value_date < cast('2011-01-01' as date) then 6e0 else 25e-1 end * 50 / case
            {%- for coins, divisor in halvings %}
            when supply_before_native < {{ coins }} then {{ divisor }}
            {%- endfor %}
            else 32
        end as most_issued_native
    from days
),

findings as (
    select
        changes.*,
        'day_missing' as kind,
        'the days before it are missing since ' || cast(day_before as string) as detail
    from changes
    where days_since > 1
    union all
    select
        changes.*,
        'supply_falls' as kind,
        'both sides together have fewer coins than the day before' as detail
    from changes
    where supply_change_native < 0
    union all
    select
        changes.*,
        'supply_rises_too_far' as kind,
        'both sides together rise by more coins than can have been issued' as detail
    from changes
    where cast(supply_change_native as double) > most_issued_native * days_since
    union all
    select
        changes.*,
        'supply_above_limit' as kind,
        'both sides together have more coins than there will ever be' as detail
    from changes
    where supply_native > 21000000
    union all
    select
        changes.*,
        'identity_broken' as kind,
        'long-term supply changes by another amount than what matured less what was spent' as detail
    from changes
    where net_change_native <> matured_native - spent_native
    union all
    select
        changes.*,
        'computation_changes' as kind,
        'the day before is of another computation of the publisher, so some differences between them are unknown' as detail
    from changes
    where is_seam
)

select
    asset,
    network,
    series,
    value_date,
    kind,
    {{ native('supply_change_native') }} as supply_change_native,
    {{ native('net_change_native - (matured_native - spent_native)') }} as unexplained_native,
    detail
from findings
