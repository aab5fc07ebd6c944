select
    'bybit_open_interest' as source,
    asset,
    venue,
    contract,
    period_minutes,
    snapshot_at,
    value_date,
    observed_at,
    margin_kind,
    open_interest_native,
    open_interest_usd,
    high_usd,
    low_usd,
    archive_sha256
from {{ raw('bybit_open_interest', 'open_interest') }}
where observed_at <= {{ as_of_cutoff() }}
