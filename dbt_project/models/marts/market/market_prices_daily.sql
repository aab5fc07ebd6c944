with cells as (
    {{ newest_cells(ref('int_market__price_observations'), 'source, asset, venue, value_date, metric', none) }}
)

select
    asset,
    venue,
    value_date as price_date,
    max(case when metric = 'open_usd' then value end) as open_usd,
    max(case when metric = 'high_usd' then value end) as high_usd,
    max(case when metric = 'low_usd' then value end) as low_usd,
    max(case when metric = 'close_usd' then value end) as close_usd,
    {{ native("max(case when metric = 'volume_native' then value end)") }} as volume_native,
    max(observed_at) as last_changed_at
from cells
where metric in ('open_usd', 'high_usd', 'low_usd', 'close_usd', 'volume_native')
group by asset, venue, value_date
