-- As of a time T, the days that were over by then count, for all their blocks came before T.
select
    asset,
    network,
    spend_date,
    signature,
    blocks,
    transactions,
    lth_sats,
    spent_sats,
    large_transactions,
    large_lth_sats
from {{ raw('bitcoin', 'transfer_signatures') }}
where spend_date < cast({{ as_of_cutoff() }} as date)
