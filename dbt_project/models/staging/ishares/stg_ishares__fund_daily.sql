select
    'ishares' as source,
    asset,
    ticker,
    value_date,
    metric,
    observed_at,
    raw_text,
    value,
    archive_sha256
from {{ raw('ishares', 'fund_daily') }}
where observed_at <= {{ as_of_cutoff() }}
