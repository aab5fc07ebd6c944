with observations as (
    select * from {{ ref('stg_holder_series__supply') }}
    union all
    select * from {{ ref('stg_bitview__supply') }}
),

cells as (
    {{ newest_cells('observations', 'asset, network, series, value_date, metric', none) }}
),

published as (
    select
        asset,
        network,
        series,
        value_date,
        {{ native("max(case when metric = 'lth_native' then value end)") }} as lth_native,
        {{ native("max(case when metric = 'sth_native' then value end)") }} as sth_native,
        max(observed_at) as observed_at
    from cells
    where value is not null
    group by asset, network, series, value_date
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
    -- Seen after the day was over.
    cast(published.observed_at as date) > published.value_date as is_final
from published
left join chosen on published.series = chosen.series and chosen.newest_first = 1
left join {{ ref('holder_series') }} as known
    on
        published.asset = known.asset
        and published.network = known.network
        and published.series = known.series
