-- As of a time T, the days that were over by then count.
select
    network,
    protocol,
    value_date,
    collateral_token,
    debt_token,
    collateral_units,
    debt_units
from {{ raw('evm', 'liquidations') }}
where value_date < cast({{ as_of_cutoff() }} as date)
