with snapshots as (
    select
        *,
        {{ hour_start('snapshot_at') }} as open_at
    from {{ ref('int_market__depth') }}
),

hours as ({{ depth_by('open_at') }})

select
    asset,
    venue,
    open_at,
    band_pct,
    side,
    median_notional_usd,
    min_notional_usd,
    min_at,
    snapshots
from hours
