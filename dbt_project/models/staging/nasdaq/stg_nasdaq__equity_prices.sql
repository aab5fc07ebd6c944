select
    'nasdaq' as source,
    ticker,
    value_date,
    observed_at,
    open_usd,
    high_usd,
    low_usd,
    close_usd,
    volume_shares,
    archive_sha256
from {{ raw('nasdaq', 'equity_prices') }}
where observed_at <= {{ as_of_cutoff() }}
