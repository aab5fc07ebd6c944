select
    network,
    address,
    entity,
    kind,
    label_verdict
from {{ raw('own_seeds', 'entities') }}
