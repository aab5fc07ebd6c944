select
    network,
    address,
    asset,
    decimals,
    kind,
    first_block,
    supply_events
from {{ raw('own_seeds', 'tokens') }}
