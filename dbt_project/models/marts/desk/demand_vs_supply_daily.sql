{%- set idle_bands = [] -%}
{%- for band, first_age_days in age_bands() if first_age_days >= 365 -%}
    {%- do idle_bands.append("'" ~ band ~ "'") -%}
{%- endfor -%}

with holders as (
    select
        supply.asset,
        supply.series as holder_series,
        supply.definition_id,
        supply.value_date,
        supply.lth_native,
        supply.supply_native,
        supply.computation,
        supply.is_final,
        flows.spent_native,
        flows.issued_native as published_issued_native,
        adjusted.lth_adjusted_low_native,
        adjusted.lth_adjusted_high_native
    from {{ ref('onchain_holder_supply_daily') }} as supply
    left join {{ ref('onchain_lth_flows_daily') }} as flows
        on
            supply.asset = flows.asset
            and supply.network = flows.network
            and supply.series = flows.series
            and supply.definition_id = flows.definition_id
            and supply.value_date = flows.value_date
    left join {{ ref('onchain_lth_adjusted_daily') }} as adjusted
        on
            supply.asset = adjusted.asset
            and supply.network = adjusted.network
            and supply.series = adjusted.series
            and supply.definition_id = adjusted.definition_id
            and supply.value_date = adjusted.value_date
    where supply.network = 'main'
),

series as (
    select distinct
        asset,
        holder_series,
        definition_id
    from holders
),

listed as (
    {{ listed_funds(ref('funds'), ref('market_sessions')) }}
),

sessions as (
    select distinct
        asset,
        trade_date
    from listed
),

flows as (
    select * from {{ ref('etf_market_daily') }}
),

-- From the first day that either side may have to the last one that it has. No day is left out, so that the rows of a
-- window are its days.
spans as (
    select
        asset,
        min(first_date) as first_date,
        max(last_date) as last_date
    from (
        select
            asset,
            value_date as first_date,
            value_date as last_date
        from holders
        union all
        select
            asset,
            trade_date as first_date,
            trade_date as last_date
        from flows
        union all
        select
            asset,
            trade_date as first_date,
            null as last_date
        from sessions
    ) as dates
    group by asset
),

day_numbers as (
    select
        spans.*,
        {{ each_from_zero(days_between('first_date', 'last_date')) }} as day_number
    from spans
    where asset in (select asset from series)
),

days as (
    select
        asset,
        {{ add_days('first_date', 'day_number') }} as value_date
    from day_numbers
),

issued as (
    select
        asset,
        value_date,
        issued_native
    from {{ ref('onchain_blocks_daily') }}
    where network = 'main'
),

idle as (
    select
        asset,
        value_date,
        sum(supply_native) as idle_native
    from {{ ref('onchain_age_bands_daily') }}
    where network = 'main' and age_band in ({{ idle_bands | join(', ') }})
    group by asset, value_date
),

touched as (
    {{ days_of_internal_moves() }}
),

places as (
    select {{ each_from_zero(29) }} as days_later
),

internal_moves as (
    {%- for window_days in [1, 7, 30] %}
    {%- if not loop.first %}
    union all
    {%- endif %}
    select
        asset,
        holder_series,
        definition_id,
        {{ add_days('value_date', 'days_later') }} as value_date,
        {{ window_days }} as window_days,
        {{ joined('move', ', ') }} as internal_moves
    from touched
    cross join places
    where days_later < {{ window_days }}
    group by asset, holder_series, definition_id, {{ add_days('value_date', 'days_later') }}
    {%- endfor %}
),

daily as (
    select
        days.asset,
        days.value_date,
        series.holder_series,
        series.definition_id,
        coalesce(sessions.trade_date, flows.trade_date) as session_date,
        flows.net_flow_usd,
        flows.net_flow_native,
        case when flows.is_complete then flows.net_flow_native end as complete_flow_native,
        issued.issued_native,
        idle.idle_native,
        holders.lth_native,
        holders.supply_native,
        holders.computation,
        holders.spent_native,
        holders.published_issued_native,
        holders.lth_adjusted_low_native,
        holders.lth_adjusted_high_native,
        coalesce(holders.is_final, false) as is_final
    from days
    inner join series on days.asset = series.asset
    left join sessions on days.asset = sessions.asset and days.value_date = sessions.trade_date
    left join flows on days.asset = flows.asset and days.value_date = flows.trade_date
    left join issued on days.asset = issued.asset and days.value_date = issued.value_date
    left join idle on days.asset = idle.asset and days.value_date = idle.value_date
    left join holders
        on
            series.asset = holders.asset
            and series.holder_series = holders.holder_series
            and series.definition_id = holders.definition_id
            and days.value_date = holders.value_date
),

windows as (
    {%- for window_days in [1, 7, 30] %}
    {%- if not loop.first %}
    union all
    {%- endif %}
    select *
    from (
        select
            asset,
            value_date,
            holder_series,
            definition_id,
            {{ window_days }} as window_days,
            count(session_date) over of_window as sessions_listed,
            count(net_flow_usd) over of_window as sessions,
            count(net_flow_native) over of_window as sessions_valued,
            count(complete_flow_native) over of_window as sessions_complete,
            sum(net_flow_native) over of_window as net_flow_native,
            case
                when computation = lag(computation, {{ window_days }}) over by_day
                    then lth_native - lag(lth_native, {{ window_days }}) over by_day
            end as lth_net_change_native,
            supply_native - lag(supply_native, {{ window_days }}) over by_day as supply_change_native,
            idle_native - lag(idle_native, {{ window_days }}) over by_day as idle_change_native,
            case
                when count(spent_native) over of_window = {{ window_days }} then sum(spent_native) over of_window
            end as lth_spent_native,
            case
                when count(issued_native) over of_window = {{ window_days }} then sum(issued_native) over of_window
            end as mined_native,
            case
                when count(published_issued_native) over of_window = {{ window_days }}
                    then sum(published_issued_native) over of_window
            end as published_issued_native,
            {%- for scenario in ['low', 'high'] %}
            {%- set supply = 'lth_adjusted_' ~ scenario ~ '_native' %}
            case
                when computation = lag(computation, {{ window_days }}) over by_day
                    then {{ supply }} - lag({{ supply }}, {{ window_days }}) over by_day
            end as lth_net_change_adjusted_{{ scenario }}_native,
            {%- endfor %}
            is_final and lag(is_final, {{ window_days }}, false) over by_day as is_final
        from daily
        window
            by_day as (partition by asset, holder_series, definition_id order by value_date),
            of_window as (
                partition by asset, holder_series, definition_id
                order by value_date
                rows between {{ window_days - 1 }} preceding and current row
            )
    ) as windows_of_{{ window_days }}_days
    {%- endfor %}
),

measured as (
    select
        windows.*,
        internal_moves.internal_moves,
        case
            when windows.sessions_listed = 0 then 0
            when windows.sessions_valued = windows.sessions then windows.net_flow_native
        end as etf_net_flow_native,
        coalesce(windows.mined_native, windows.published_issued_native, windows.supply_change_native) as issued_native
    from windows
    left join internal_moves
        on
            windows.asset = internal_moves.asset
            and windows.holder_series = internal_moves.holder_series
            and windows.definition_id = internal_moves.definition_id
            and windows.value_date = internal_moves.value_date
            and windows.window_days = internal_moves.window_days
),

labelled as (
    select
        *,
        nullif(
            concat_ws(
                ', ',
                case when sessions_complete < sessions_listed or etf_net_flow_native is null then 'fund flows' end,
                case when lth_net_change_native is null then 'long-term supply' end,
                case when lth_net_change_native is not null and not is_final then 'final days' end,
                case when holder_series = 'derived' and lth_spent_native is null then 'coins spent' end,
                case when issued_native is null then 'issuance' end
            ), ''
        ) as missing
    from measured
),

-- A known change over final days counts more than a provisional one, and a node of one's own more than a publisher.
ranked as (
    select
        labelled.*,
        row_number() over (
            partition by labelled.asset, labelled.value_date, labelled.window_days
            order by
                case
                    when labelled.lth_net_change_native is null then 2
                    when labelled.is_final then 0
                    else 1
                end,
                case when labelled.holder_series = 'derived' then 0 else 1 end,
                coalesce(definitions.priority, 1000),
                labelled.holder_series,
                labelled.definition_id
        ) as preference
    from labelled
    left join {{ ref('holder_definitions') }} as definitions on labelled.definition_id = definitions.definition_id
)

select
    asset,
    value_date,
    holder_series,
    definition_id,
    window_days,
    preference = 1 as is_preferred,
    cast(sessions as integer) as sessions,
    {{ native('etf_net_flow_native') }} as etf_net_flow_native,
    {{ native('lth_net_change_native') }} as lth_net_change_native,
    {{ native('min(lth_net_change_native) over (partition by asset, value_date, window_days)') }}
        as lth_net_change_low_native,
    {{ native('max(lth_net_change_native) over (partition by asset, value_date, window_days)') }}
        as lth_net_change_high_native,
    {{ native('lth_spent_native') }} as lth_spent_native,
    {{ native('issued_native') }} as issued_native,
    {{ native('mined_native - idle_change_native') }} as apparent_demand_native,
    missing is null as is_complete,
    missing,
    internal_moves is not null as has_internal_move,
    internal_moves,
    {{ native('lth_net_change_adjusted_low_native') }} as lth_net_change_adjusted_low_native,
    {{ native('lth_net_change_adjusted_high_native') }} as lth_net_change_adjusted_high_native
from ranked
