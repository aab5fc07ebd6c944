with midnights as (
    select
        asset,
        instrument_kind,
        {{ add_days('cast(open_at as date)', 1) }} as close_date,
        close_usd
    from {{ ref('market_bars_hourly') }}
    -- The price at 00:00 UTC is the close of the hour before.
    where
        venue = '{{ var("valuation_venue") }}'
        and quote_asset = 'USDT'
        and instrument_kind in ('spot', 'perpetual')
        and is_complete
        and extract(hour from open_at) = 23
),

changes as (
    select
        later.asset,
        later.close_date,
        (later.close_usd / earlier.close_usd - 1) * 100 as return_pct,
        row_number() over (
            partition by later.asset, later.close_date
            order by case later.instrument_kind when 'spot' then 1 else 2 end
        ) as preference
    from midnights as later
    inner join midnights as earlier
        on
            later.asset = earlier.asset
            and later.instrument_kind = earlier.instrument_kind
            and later.close_date = {{ add_days('earlier.close_date', 1) }}
),

members as (
    select
        basket_id,
        asset,
        weight,
        case when min(weight) over basket = max(weight) over basket then 'equal' else 'fixed' end as weighting,
        count(*) over basket as members
    from {{ ref('sector_baskets') }}
    window basket as (partition by basket_id)
)

select
    members.basket_id,
    members.weighting,
    cast(changes.close_date as timestamp) as as_of_at,
    {{ exact_sum('members.weight * changes.return_pct') }} / {{ exact_sum('members.weight') }} as return_pct,
    max(members.members) as members,
    count(*) as members_priced
from members
inner join changes on members.asset = changes.asset
where changes.preference = 1
group by members.basket_id, members.weighting, changes.close_date
