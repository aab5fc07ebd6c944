select
    'bitview' as source,
    -- Published series are about Bitcoin's main network.
    'BTC' as asset,
    'main' as network,
    series,
    value_date,
    metric,
    observed_at,
    raw_text,
    value,
    archive_sha256
from {{ raw('bitview', 'supply') }}
where observed_at <= {{ as_of_cutoff() }}
