{{ config(meta={'dagster': {'ref': {'name': 'demand_vs_supply_daily'}}}) }}
-- The change over a window, and what is spent in it, is that of its days; each figure is rounded to eight digits.
with days as (
    select
        asset,
        value_date,
        series as holder_series,
        definition_id,
        net_change_native,
        spent_native
    from {{ ref('onchain_lth_flows_daily') }}
    where network = 'main'
),

sums as (
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
            count(net_change_native) over of_window as days_known,
            sum(net_change_native) over of_window as net_change_native,
            sum(spent_native) over of_window as spent_native
        from days
        window of_window as (
            partition by asset, holder_series, definition_id
            order by value_date
            rows between {{ window_days - 1 }} preceding and current row
        )
    ) as windows_of_{{ window_days }}_days
    {%- endfor %}
)

select demand.*
from {{ ref('demand_vs_supply_daily') }} as demand
inner join sums
    on
        demand.asset = sums.asset
        and demand.value_date = sums.value_date
        and demand.holder_series = sums.holder_series
        and demand.definition_id = sums.definition_id
        and demand.window_days = sums.window_days
where
    sums.days_known = demand.window_days
    and (
        abs(demand.lth_net_change_native - sums.net_change_native) > {{ unit(8) }} * (demand.window_days + 1)
        or demand.lth_spent_native <> sums.spent_native
    )
