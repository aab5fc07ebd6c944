-- As of a time T, the days that were over by then count.
select
    network,
    token,
    value_date,
    is_reconciled
from {{ raw('evm', 'supplies') }}
where value_date < cast({{ as_of_cutoff() }} as date)
