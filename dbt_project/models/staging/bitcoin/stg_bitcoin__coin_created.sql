-- As of a time T, the days that were over by then count, for all their blocks came before T.
select
    asset,
    network,
    birth_date,
    kind,
    amount_sats,
    coins
from {{ raw('bitcoin', 'coin_created') }}
where birth_date < cast({{ as_of_cutoff() }} as date)
