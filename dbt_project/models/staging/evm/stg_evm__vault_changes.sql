-- As of a time T, the days that were over by then count.
select
    network,
    protocol,
    vault,
    value_date,
    transaction_hash,
    token,
    delta_units
from {{ raw('evm', 'vault_changes') }}
where value_date < cast({{ as_of_cutoff() }} as date)
