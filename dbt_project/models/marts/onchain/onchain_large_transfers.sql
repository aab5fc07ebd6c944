select
    asset,
    network,
    txid,
    spend_date as value_date,
    block_height,
    block_at,
    signature,
    {{ native_from_sats('lth_sats') }} as lth_spent_native,
    {{ native_from_sats('spent_sats') }} as moved_native,
    inputs as input_count,
    outputs as output_count,
    input_scripts,
    output_scripts,
    outputs = 1 as is_single_output,
    has_only_new_scripts
from {{ ref('stg_bitcoin__large_transfers') }}
