with moves as (
    select * from {{ ref('internal_moves') }}
    union all
    select * from {{ ref('stg_own_seeds__internal_moves') }}
)

select
    *,
    kind in ('same_owner', 'custodian_change') as is_adjusted_for
from moves
