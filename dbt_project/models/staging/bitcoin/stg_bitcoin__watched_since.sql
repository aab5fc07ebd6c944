select
    asset,
    network,
    address,
    entity,
    address_height,
    entity_height
from {{ raw('bitcoin', 'watched_since') }}
