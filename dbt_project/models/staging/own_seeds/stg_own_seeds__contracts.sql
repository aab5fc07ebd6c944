select
    network,
    address,
    protocol
from {{ raw('own_seeds', 'contracts') }}
