select
    network,
    address,
    entity,
    kind,
    nullif(source, '') as source,
    since_date,
    nullif(licence, '') as licence,
    label_verdict,
    origin
from {{ raw('own_seeds', 'entities') }}
