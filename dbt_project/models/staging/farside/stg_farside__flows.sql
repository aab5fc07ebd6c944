select
    'farside' as source,
    asset,
    ticker,
    value_date,
    metric,
    observed_at,
    raw_text,
    value,
    archive_sha256
from {{ raw('farside', 'flows') }}
where observed_at <= {{ as_of_cutoff() }}
