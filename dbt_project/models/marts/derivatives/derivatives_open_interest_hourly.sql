-- As a bar, an hour has the snapshot at its end and not that at its start.
with hours as (
    select
        *,
        {{ hour_start("snapshot_at - interval '1' second") }} as open_at
    from {{ ref('int_derivatives__open_interest') }}
),

ordered as (
    select
        *,
        row_number() over (partition by asset, venue, contract, open_at order by snapshot_at desc) as last_first
    from hours
)

select
    asset,
    venue,
    contract,
    open_at,
    snapshot_at,
    margin_kind,
    {{ native('open_interest_native') }} as open_interest_native,
    open_interest_usd
from ordered
where last_first = 1
