select
    'binance_bars' as source,
    asset,
    venue,
    instrument_kind,
    quote_asset,
    interval_minutes,
    open_at,
    value_date,
    observed_at,
    open_usd,
    high_usd,
    low_usd,
    close_usd,
    volume_native,
    volume_quote,
    trades,
    archive_sha256
from {{ raw('binance_bars', 'bars') }}
where observed_at <= {{ as_of_cutoff() }}
