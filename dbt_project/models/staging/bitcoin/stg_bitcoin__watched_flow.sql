-- As of a time T, the days that were over by then count, for all their blocks came before T.
select
    asset,
    network,
    value_date,
    address,
    received_sats,
    sent_sats,
    received_coins,
    sent_coins
from {{ raw('bitcoin', 'watched_flow') }}
where value_date < cast({{ as_of_cutoff() }} as date)
