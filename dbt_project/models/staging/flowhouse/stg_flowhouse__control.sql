select
    as_of_at,
    known_until
from {{ raw('flowhouse', 'control') }}
