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
    -- A second less for each event that could not be counted, so that a period with one is a lower bound.
    greatest(covered_seconds - misdated_events - unread_messages, 0) as covered_seconds,
    period_seconds,
    archive_sha256
from {{ raw('liquidation_stream', 'liquidations') }}
where observed_at <= {{ as_of_cutoff() }}
