select
    'fred' as source,
    series_id,
    vintage,
    value_date,
    observed_at,
    value,
    unit,
    archive_sha256
from {{ raw('fred', 'observations') }}
where observed_at <= {{ as_of_cutoff() }}
