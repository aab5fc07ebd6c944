select
    kind,
    source,
    asset,
    ticker,
    value_date,
    detail
from {{ raw_of_issuers('findings', ['kind', 'asset', 'ticker', 'value_date', 'detail', 'observed_at']) }} as findings
where observed_at <= {{ as_of_cutoff() }}
