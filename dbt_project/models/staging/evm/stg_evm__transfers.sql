-- As of a time T, the days that were over by then count, for all their blocks came before T.
select
    network,
    token,
    block_number,
    block_hash,
    log_index,
    value_date,
    from_address,
    to_address,
    amount_units,
    is_overflow
from {{ raw('evm', 'transfers') }}
where value_date < cast({{ as_of_cutoff() }} as date)
