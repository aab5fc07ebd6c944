with cells as (
    {{ newest_cells(ref('stg_alternative_me__fng'), 'source, asset, venue, value_date, metric', none) }}
)

select
    venue as provider,
    value_date,
    cast(max(case when metric = 'index_value' then value end) as integer) as index_value,
    max(case when metric = 'classification' then raw_text end) as classification
from cells
where metric in ('index_value', 'classification')
group by venue, value_date
