-- As of a time T, the days that were over by then count, for all their blocks came before T.
select
    asset,
    network,
    spend_date,
    cohort,
    script,
    amount_sats,
    coins
from {{ raw('bitcoin', 'script_flow') }}
where spend_date < cast({{ as_of_cutoff() }} as date)
