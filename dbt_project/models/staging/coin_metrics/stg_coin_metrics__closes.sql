select
    'coin_metrics' as source,
    asset,
    venue,
    value_date,
    metric,
    observed_at,
    raw_text,
    value,
    archive_sha256
from {{ raw('coin_metrics', 'closes') }}
where observed_at <= {{ as_of_cutoff() }}
