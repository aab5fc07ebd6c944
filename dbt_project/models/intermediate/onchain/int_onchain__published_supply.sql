{%- set resources = ['lth_sth_supply', 'lth_flows', 'lth_value', 'supply'] -%}

with observations as (
    select * from {{ ref('stg_holder_series__supply') }}
    union all
    select * from {{ ref('stg_bitview__supply') }}
),

cells as (
    {{ newest_cells('observations', 'asset, network, series, value_date, metric', none) }}
),

-- Sums since 2009 are satoshi and cents, as published: doubles would not hold them.
pivoted as (
    select
        asset,
        network,
        series,
        value_date,
        {{ native("max(case when metric = 'lth_native' then value end)") }} as lth_native,
        {{ native("max(case when metric = 'sth_native' then value end)") }} as sth_native,
        {{ published_sum('lth_supply_sats') }} as lth_sats,
        {{ published_sum('supply_sats') }} as supply_sats,
        {{ published_sum('utxos_4m_to_5m_old_matured_supply_cumulative_sats') }} as matured_sats,
        {{ published_sum('lth_transfer_volume_cumulative_sats') }} as spent_sats,
        {{ published_sum('lth_transfer_volume_cumulative_cents') }} as spent_cents,
        {{ published_sum('lth_realized_profit_cumulative_cents') }} as profit_cents,
        {{ published_sum('lth_realized_loss_cumulative_cents') }} as loss_cents,
        {{ published_sum('subsidy_cumulative_sats') }} as subsidy_sats,
        {{ published_sum('unclaimed_rewards_cumulative_sats') }} as unclaimed_sats,
        {%- for resource in resources %}
        coalesce(max(case when metric = '{{ resource }}_vintage' then value end), 0) as {{ resource }}_vintage,
        max(case when metric = '{{ resource }}_vintage' then observed_at end) as {{ resource }}_computed_at,
        {%- endfor %}
        max(case when metric in ('lth_native', 'sth_native', 'lth_supply_sats') then observed_at end) as observed_at
    from cells
    where value is not null
    group by asset, network, series, value_date
),

-- Figures that a publisher has computed anew stand alone: a difference to one of an earlier computation says nothing.
newest_vintages as (
    select
        *,
        {%- for resource in resources %}
        {{ resource }}_vintage = first_value({{ resource }}_vintage) over (
            partition by asset, network, series order by {{ resource }}_computed_at desc nulls last
        ) as is_newest_{{ resource }}{{ "," if not loop.last }}
        {%- endfor %}
    from pivoted
),

published as (
    select
        asset,
        network,
        series,
        value_date,
        observed_at,
        coalesce(
            case when is_newest_lth_flows then {{ native_from_sats('lth_sats') }} end,
            case when is_newest_lth_sth_supply then lth_native end
        ) as lth_native,
        coalesce(
            case when is_newest_lth_flows then {{ native_from_sats('supply_sats - lth_sats') }} end,
            case when is_newest_lth_sth_supply then sth_native end
        ) as sth_native,
        case when is_newest_lth_flows then {{ native_from_sats('matured_sats') }} end as matured_so_far_native,
        case when is_newest_lth_flows then {{ native_from_sats('spent_sats') }} end as spent_so_far_native,
        case when is_newest_lth_value then spent_cents end as spent_so_far_cents,
        case when is_newest_lth_value then profit_cents end as profit_so_far_cents,
        case when is_newest_lth_value then loss_cents end as loss_so_far_cents,
        case when is_newest_supply then {{ native_from_sats('subsidy_sats - unclaimed_sats') }} end
            as issued_so_far_native
    from newest_vintages
),

chosen as (
    select
        series,
        definition_id,
        row_number() over (partition by series order by observed_at desc, definition_id asc) as newest_first
    from {{ ref('stg_holder_series__definitions') }}
)

select
    published.asset,
    published.network,
    published.series,
    coalesce(chosen.definition_id, known.definition_id, 'as_published') as definition_id,
    published.value_date,
    published.lth_native,
    published.sth_native,
    published.matured_so_far_native,
    published.spent_so_far_native,
    published.spent_so_far_cents,
    published.profit_so_far_cents,
    published.loss_so_far_cents,
    published.issued_so_far_native,
    -- Seen after the day was over.
    cast(published.observed_at as date) > published.value_date as is_final
from published
left join chosen on published.series = chosen.series and chosen.newest_first = 1
left join {{ ref('holder_series') }} as known
    on
        published.asset = known.asset
        and published.network = known.network
        and published.series = known.series
where published.lth_native is not null and published.sth_native is not null
