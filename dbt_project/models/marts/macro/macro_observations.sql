with observations as (
    select
        source as provider,
        series_id,
        value_date,
        coalesce(cast(nullif(vintage, 'latest') as date), cast(observed_at as date)) as vintage_date,
        value,
        unit,
        vintage = 'latest' as is_latest,
        observed_at
    from {{ ref('stg_fred__observations') }}
),

-- A vintage that was asked for is what stood at the end of its day; a page fetched that day may be from before a release.
by_preference as (
    select
        *,
        row_number() over (
            partition by provider, series_id, value_date, vintage_date
            order by case when is_latest then 1 else 0 end, observed_at desc
        ) as preference
    from observations
)

select
    provider,
    series_id,
    value_date,
    vintage_date,
    value,
    unit
from by_preference
where preference = 1
