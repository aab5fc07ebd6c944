with snapshots as (
    select
        *,
        row_number() over (partition by asset, venue, contract, value_date order by snapshot_at desc) as last_first
    from {{ ref('int_derivatives__open_interest') }}
)

select
    asset,
    venue,
    contract,
    value_date,
    max(case when last_first = 1 then margin_kind end) as margin_kind,
    {{ native('max(case when last_first = 1 then open_interest_native end)') }} as open_interest_native,
    max(case when last_first = 1 then open_interest_usd end) as open_interest_usd,
    max(high_usd) as high_usd,
    min(low_usd) as low_usd,
    max(snapshot_at) as last_snapshot_at,
    cast(count(*) as integer) as observations,
    cast(1440 / min(period_minutes) as integer) as expected_observations,
    max(observed_at) as last_changed_at
from snapshots
group by asset, venue, contract, value_date
