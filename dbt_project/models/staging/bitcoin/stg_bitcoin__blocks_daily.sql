-- As of a time T, the days that were over by then count, for all their blocks came before T.
select
    asset,
    network,
    value_date,
    blocks,
    transactions,
    spends,
    outputs,
    fees_sats,
    subsidy_sats,
    unclaimed_sats,
    unspendable_sats,
    coinbase_sats,
    unfolded_blocks,
    first_height,
    last_height
from {{ raw('bitcoin', 'blocks_daily') }}
where value_date < cast({{ as_of_cutoff() }} as date)
