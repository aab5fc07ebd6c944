select
    'okx_funding' as source,
    asset,
    venue,
    contract,
    kind,
    settled_at,
    value_date,
    observed_at,
    rate,
    interval_hours,
    archive_sha256
from {{ raw('okx_funding', 'funding') }}
where observed_at <= {{ as_of_cutoff() }}
