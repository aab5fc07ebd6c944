select
    network,
    address,
    entity,
    kind
from {{ raw('own_seeds', 'entities') }}
