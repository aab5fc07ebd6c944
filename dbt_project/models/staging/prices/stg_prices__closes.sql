select
    'prices' as source,
    asset,
    venue,
    value_date,
    metric,
    observed_at,
    raw_text,
    value,
    archive_sha256
from {{ raw('prices', 'closes') }}
where observed_at <= {{ as_of_cutoff() }}
