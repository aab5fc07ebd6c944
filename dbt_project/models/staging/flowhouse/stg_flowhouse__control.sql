select
    as_of_at,
    as_of_cutoff
from {{ raw('flowhouse', 'control') }}
