select
    network,
    address,
    asset,
    decimals,
    kind,
    first_block
from {{ raw('own_seeds', 'tokens') }}
