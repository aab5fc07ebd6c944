select
    series,
    observed_at,
    definition_id
from {{ raw('holder_series', 'definitions') }}
where observed_at <= {{ as_of_cutoff() }}
