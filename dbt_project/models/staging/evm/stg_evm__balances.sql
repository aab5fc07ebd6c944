-- As of a time T, the days that were over by then count.
select
    network,
    address,
    token,
    value_date,
    balance_units
from {{ raw('evm', 'balances') }}
where value_date < cast({{ as_of_cutoff() }} as date)
