-- As of a time T, the days that were over by then count, for all their blocks came before T.
select
    asset,
    network,
    spend_date,
    block_height,
    block_at,
    txid,
    signature,
    input_scripts,
    output_scripts,
    has_only_new_scripts,
    inputs,
    outputs,
    lth_sats,
    spent_sats
from {{ raw('bitcoin', 'large_transfers') }}
where spend_date < cast({{ as_of_cutoff() }} as date)
