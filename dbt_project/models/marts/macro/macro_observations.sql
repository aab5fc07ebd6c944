with observations as (
    select
        source as provider,
        series_id,
        value_date,
        coalesce(cast(nullif(vintage, 'latest') as date), cast(observed_at as date)) as vintage_date,
        value,
        unit,
        observed_at
    from {{ ref('stg_fred__observations') }}
),

-- A vintage is asked for once its day is over, so it stands above what was seen in the course of the day.
newest as (
    {{ newest_rows('observations', 'provider, series_id, value_date, vintage_date') }}
)

select
    provider,
    series_id,
    value_date,
    vintage_date,
    value,
    unit
from newest
