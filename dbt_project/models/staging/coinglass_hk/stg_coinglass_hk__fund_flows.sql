select
    source,
    ticker,
    value_date,
    metric,
    observed_at,
    raw_text,
    value,
    archive_sha256
from {{ raw('coinglass_hk', 'fund_flows') }}
where observed_at <= {{ as_of_cutoff() }}
