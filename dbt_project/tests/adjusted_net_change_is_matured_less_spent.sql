{{ config(meta={'dagster': {'ref': {'name': 'onchain_lth_adjusted_daily'}}}) }}

-- In each scenario, and the change of adjusted supply as well: coins inside are those moved in less those that left.
-- Where moves would keep more coins than there are, none of them is known.
with days as (
    select
        adjusted.*,
        flows.matured_native,
        {%- for scenario in ['low', 'high'] %}
        lag(adjusted.lth_adjusted_{{ scenario }}_native) over by_day as {{ scenario }}_before,
        {%- endfor %}
        lag(adjusted.value_date) over by_day as date_before
    from {{ ref('onchain_lth_adjusted_daily') }} as adjusted
    inner join {{ ref('onchain_lth_flows_daily') }} as flows
        on
            adjusted.asset = flows.asset
            and adjusted.network = flows.network
            and adjusted.series = flows.series
            and adjusted.definition_id = flows.definition_id
            and adjusted.value_date = flows.value_date
    window by_day as (
        partition by adjusted.asset, adjusted.network, adjusted.series, adjusted.definition_id
        order by adjusted.value_date
    )
)

select *
from days
where
    {%- for scenario in ['low', 'high'] %}
    {%- set adjusted = 'lth_adjusted_' ~ scenario ~ '_native' %}
    {%- set net_change = 'net_change_adjusted_' ~ scenario ~ '_native' %}
    {%- set matured = 'matured_adjusted_' ~ scenario ~ '_native' %}
    {%- set spent = 'spent_adjusted_' ~ scenario ~ '_native' %}
    {{ net_change }} <> {{ matured }} - {{ spent }}
    or (matured_native is null or {{ adjusted }} is null) <> ({{ matured }} is null)
    or (
        date_before = {{ add_days('value_date', -1) }}
        and {{ net_change }} <> {{ adjusted }} - {{ scenario }}_before
    )
    {{- " or" if not loop.last }}
    {%- endfor %}
