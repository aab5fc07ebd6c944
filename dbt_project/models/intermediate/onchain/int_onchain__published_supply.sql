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

-- Of a day that a publisher has not computed anew the earlier computation stays.
newest_vintages as (
    select
        *,
        {%- for resource in ['lth_sth_supply', 'lth_flows'] %}
        {{ resource }}_vintage = first_value({{ resource }}_vintage) over (
            partition by asset, network, series order by {{ resource }}_computed_at desc nulls last
        ) as is_newest_{{ resource }}{{ "," if not loop.last }}
        {%- endfor %}
    from pivoted
),

-- Two resources have long-term supply: the one that counts is of its newest computation, where either is.
published as (
    select
        *,
        case
            when lth_sats is not null and is_newest_lth_flows then 'newest'
            when lth_native is not null and is_newest_lth_sth_supply then 'newest'
            when lth_sats is not null then 'lth_flows ' || cast(lth_flows_vintage as string)
            else 'lth_sth_supply ' || cast(lth_sth_supply_vintage as string)
        end as lth_vintage,
        lth_sats is not null
        and (is_newest_lth_flows or lth_native is null or not is_newest_lth_sth_supply) as is_of_lth_flows
    from newest_vintages
    where coalesce(lth_sats, lth_native) is not null and coalesce(supply_sats, sth_native) is not null
),

seams as (
    select
        *,
        case
            when lth_vintage <> lag(lth_vintage) over (partition by asset, network, series order by value_date) then 1
            else 0
        end as is_seam
    from published
),

chosen as (
    select
        series,
        definition_id,
        row_number() over (partition by series order by observed_at desc, definition_id asc) as newest_first
    from {{ ref('stg_holder_series__definitions') }}
)

-- Days of one computation have one number: a difference to a day of another one says nothing.
select
    published.asset,
    published.network,
    published.series,
    coalesce(chosen.definition_id, known.definition_id, 'as_published') as definition_id,
    published.value_date,
    case
        when published.is_of_lth_flows then {{ native_from_sats('published.lth_sats') }} else published.lth_native
    end as lth_native,
    case
        when published.is_of_lth_flows then {{ native_from_sats('published.supply_sats - published.lth_sats') }}
        else published.sth_native
    end as sth_native,
    {{ native_from_sats('published.matured_sats') }} as matured_so_far_native,
    {{ native_from_sats('published.spent_sats') }} as spent_so_far_native,
    published.spent_cents as spent_so_far_cents,
    published.profit_cents as profit_so_far_cents,
    published.loss_cents as loss_so_far_cents,
    {{ native_from_sats('published.subsidy_sats - published.unclaimed_sats') }} as issued_so_far_native,
    cast(
        sum(published.is_seam) over (
            partition by published.asset, published.network, published.series
            order by published.value_date
            rows between unbounded preceding and current row
        ) as integer
    ) as computation,
    published.lth_flows_vintage,
    published.lth_value_vintage,
    published.supply_vintage,
    -- Seen after the day was over.
    cast(published.observed_at as date) > published.value_date as is_final
from seams as published
left join chosen on published.series = chosen.series and chosen.newest_first = 1
left join {{ ref('holder_series') }} as known
    on
        published.asset = known.asset
        and published.network = known.network
        and published.series = known.series
