-- As of a time T, the days that were over by then count, for all their blocks came before T.
select
    asset,
    network,
    value_date,
    entity,
    in_sats,
    out_sats
from {{ raw('bitcoin', 'entity_flow') }}
where value_date < cast({{ as_of_cutoff() }} as date)
