select
    kind,
    'ishares' as source,
    asset,
    ticker,
    value_date,
    detail
from {{ raw('ishares', 'findings') }}
where observed_at <= {{ as_of_cutoff() }}
