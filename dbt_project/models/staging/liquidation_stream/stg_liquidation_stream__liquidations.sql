select
    'liquidation_stream' as source,
    asset,
    venue,
    coverage,
    side,
    period_start_at,
    value_date,
    observed_at,
    notional_usd,
    events,
    largest_usd,
    covered_seconds,
    period_seconds,
    archive_sha256
from {{ raw('liquidation_stream', 'liquidations') }}
where observed_at <= {{ as_of_cutoff() }}
