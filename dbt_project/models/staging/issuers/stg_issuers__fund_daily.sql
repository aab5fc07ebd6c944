select
    source,
    asset,
    ticker,
    value_date,
    metric,
    observed_at,
    raw_text,
    value,
    archive_sha256
from {{ raw_of_issuers('fund_daily', [
    'asset', 'ticker', 'value_date', 'metric', 'observed_at', 'raw_text', 'value', 'archive_sha256'
]) }} as days
where observed_at <= {{ as_of_cutoff() }}
