select
    'alternative_me' as source,
    -- The publisher computes the index for Bitcoin alone.
    'BTC' as asset,
    'alternative_me' as venue,
    value_date,
    metric,
    observed_at,
    raw_text,
    value,
    archive_sha256
from {{ raw('alternative_me', 'fng') }}
where observed_at <= {{ as_of_cutoff() }}
