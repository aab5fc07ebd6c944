with flows as (
    select
        asset,
        week_start_date,
        source as flow_source,
        dating_convention,
        {{ sum_if_all_known('net_flow_native', 'net_flow_usd') }} as etf_net_flow_native,
        count(case when is_complete then ticker end) as funds_reported
    from {{ ref('etf_flows_weekly') }}
    group by asset, week_start_date, source, dating_convention
),

expected as (
    {{ funds_expected_by_week(ref('funds'), ref('market_sessions')) }}
),

sundays as (
    select
        asset,
        series as holder_series,
        definition_id,
        {{ week_start('value_date') }} as week_start_date,
        lth_native,
        supply_native,
        computation,
        is_final
    from {{ ref('onchain_holder_supply_daily') }}
    where network = 'main' and value_date = {{ add_days(week_start('value_date'), 6) }}
),

with_week_before as (
    select
        *,
        lag(week_start_date) over (
            partition by asset, holder_series, definition_id order by week_start_date
        ) = {{ add_days('week_start_date', -7) }} as has_week_before,
        lag(computation) over (
            partition by asset, holder_series, definition_id order by week_start_date
        ) = computation as is_of_one_computation,
        lth_native - lag(lth_native) over (
            partition by asset, holder_series, definition_id order by week_start_date
        ) as lth_change_native,
        supply_native - lag(supply_native) over (
            partition by asset, holder_series, definition_id order by week_start_date
        ) as supply_change_native
    from sundays
),

supply_change as (
    select
        asset,
        holder_series,
        definition_id,
        week_start_date,
        case when has_week_before and is_of_one_computation then lth_change_native end as lth_net_change_native,
        case when has_week_before then supply_change_native end as supply_change_native,
        is_final
    from with_week_before
),

spent as (
    select
        asset,
        series as holder_series,
        definition_id,
        {{ week_start('value_date') }} as week_start_date,
        case when count(spent_native) = 7 then sum(spent_native) end as lth_spent_native,
        case when count(issued_native) = 7 then sum(issued_native) end as published_issued_native
    from {{ ref('onchain_lth_flows_daily') }}
    where network = 'main'
    group by asset, series, definition_id, {{ week_start('value_date') }}
),

issued as (
    select
        asset,
        {{ week_start('value_date') }} as week_start_date,
        case when count(issued_native) = 7 then sum(issued_native) end as issued_native
    from {{ ref('onchain_blocks_daily') }}
    where network = 'main'
    group by asset, {{ week_start('value_date') }}
),

adjusted as (
    select
        asset,
        series as holder_series,
        definition_id,
        {{ week_start('value_date') }} as week_start_date,
        value_date,
        lth_adjusted_low_native,
        lth_adjusted_high_native
    from {{ ref('onchain_lth_adjusted_daily') }}
    where network = 'main' and value_date = {{ add_days(week_start('value_date'), 6) }}
),

adjusted_change as (
    select
        sundays.asset,
        sundays.holder_series,
        sundays.definition_id,
        sundays.week_start_date,
        sundays.lth_adjusted_low_native - before.lth_adjusted_low_native as low_native,
        sundays.lth_adjusted_high_native - before.lth_adjusted_high_native as high_native
    from adjusted as sundays
    inner join adjusted as before
        on
            sundays.asset = before.asset
            and sundays.holder_series = before.holder_series
            and sundays.definition_id = before.definition_id
            and {{ add_days('sundays.value_date', -7) }} = before.value_date
),

internal_moves as (
    select
        asset,
        holder_series,
        definition_id,
        {{ week_start('value_date') }} as week_start_date,
        {{ joined('move', ', ') }} as internal_moves
    from (
        {{ days_of_internal_moves() }}
    ) as days
    group by asset, holder_series, definition_id, {{ week_start('value_date') }}
),

series as (
    select distinct
        asset,
        holder_series,
        definition_id
    from sundays
),

weeks as (
    select
        flows.asset,
        flows.week_start_date,
        flows.flow_source,
        flows.dating_convention,
        series.holder_series,
        series.definition_id,
        flows.etf_net_flow_native,
        supply_change.lth_net_change_native,
        {%- for scenario in ['low', 'high'] %}
        case when supply_change.lth_net_change_native is not null then adjusted_change.{{ scenario }}_native end
            as lth_net_change_adjusted_{{ scenario }}_native,
        {%- endfor %}
        spent.lth_spent_native,
        coalesce(issued.issued_native, spent.published_issued_native, supply_change.supply_change_native) as issued_native,
        coalesce(flows.funds_reported = expected.funds_expected, false) as is_every_fund_reported,
        coalesce(supply_change.is_final, false) as is_week_final,
        internal_moves.internal_moves
    from flows
    inner join series on flows.asset = series.asset
    left join expected on flows.asset = expected.asset and flows.week_start_date = expected.week_start_date
    left join supply_change
        on
            series.asset = supply_change.asset
            and series.holder_series = supply_change.holder_series
            and series.definition_id = supply_change.definition_id
            and flows.week_start_date = supply_change.week_start_date
    left join adjusted_change
        on
            series.asset = adjusted_change.asset
            and series.holder_series = adjusted_change.holder_series
            and series.definition_id = adjusted_change.definition_id
            and flows.week_start_date = adjusted_change.week_start_date
    left join spent
        on
            series.asset = spent.asset
            and series.holder_series = spent.holder_series
            and series.definition_id = spent.definition_id
            and flows.week_start_date = spent.week_start_date
    left join issued on flows.asset = issued.asset and flows.week_start_date = issued.week_start_date
    left join internal_moves
        on
            series.asset = internal_moves.asset
            and series.holder_series = internal_moves.holder_series
            and series.definition_id = internal_moves.definition_id
            and flows.week_start_date = internal_moves.week_start_date
),

labelled as (
    select
        *,
        nullif(
            concat_ws(
                ', ',
                case when not is_every_fund_reported or etf_net_flow_native is null then 'fund flows' end,
                case when lth_net_change_native is null then 'long-term supply' end,
                case when lth_net_change_native is not null and not is_week_final then 'final days' end,
                case when holder_series = 'derived' and lth_spent_native is null then 'coins spent' end,
                case when issued_native is null then 'issuance' end
            ), ''
        ) as missing
    from weeks
)

select
    asset,
    week_start_date,
    flow_source,
    dating_convention,
    holder_series,
    definition_id,
    etf_net_flow_native,
    lth_net_change_native,
    lth_spent_native,
    issued_native,
    case
        when missing is null and issued_native > lth_net_change_native
            then cast(etf_net_flow_native as double) / cast(issued_native - lth_net_change_native as double)
    end as absorption_ratio,
    case
        when missing is null and issued_native + lth_spent_native > 0
            then cast(etf_net_flow_native as double) / cast(issued_native + lth_spent_native as double)
    end as absorption_ratio_gross,
    missing is null as is_complete,
    missing,
    internal_moves is not null as has_internal_move,
    internal_moves,
    {%- for scenario in ['low', 'high'] %}
    {%- set change = 'lth_net_change_adjusted_' ~ scenario ~ '_native' %}
    {{ change }},
    case
        when missing is null and issued_native > {{ change }}
            then cast(etf_net_flow_native as double) / cast(issued_native - {{ change }} as double)
    end as absorption_ratio_adjusted_{{ scenario }}{{ "," if not loop.last }}
    {%- endfor %}
from labelled
