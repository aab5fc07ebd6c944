select
    definition_id,
    age_days,
    weight
from {{ raw('own_seeds', 'holder_weights') }}
