select
    'binance_depth' as source,
    asset,
    venue,
    contract,
    band_pct,
    side,
    snapshot_at,
    value_date,
    observed_at,
    depth_native,
    notional_usd,
    archive_sha256
from {{ raw('binance_depth', 'depth') }}
where observed_at <= {{ as_of_cutoff() }}
