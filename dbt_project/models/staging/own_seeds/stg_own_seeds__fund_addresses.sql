select
    ticker,
    network,
    address,
    case when provenance = '' then 'own' else 'own: ' || provenance end as provenance,
    nullif(provenance, '') as source,
    nullif(licence, '') as licence,
    label_verdict
from {{ raw('own_seeds', 'fund_addresses') }}
