select
    asset,
    network,
    move_id,
    move_date,
    amount_native,
    lth_low_native,
    lth_high_native,
    kind,
    owner,
    nullif(confidence, '') as confidence,
    nullif(source_url, '') as source_url,
    nullif(continues_move_id, '') as continues_move_id
from {{ raw('own_seeds', 'internal_moves') }}
