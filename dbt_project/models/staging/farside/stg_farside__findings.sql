select
    kind,
    'farside' as source,
    asset,
    ticker,
    value_date,
    detail
from {{ raw('farside', 'findings') }}
where observed_at <= {{ as_of_cutoff() }}
