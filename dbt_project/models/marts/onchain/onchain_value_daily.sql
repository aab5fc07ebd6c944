with spent as (
    select
        asset,
        network,
        spend_date as value_date,
        sum(unpriced_sats) as unpriced_sats,
        sum(cost) as cost,
        sum(case when is_sale then spent_sats end) as sold_sats,
        sum(case when is_sale then unpriced_sats end) as sold_unpriced_sats,
        sum(case when is_sale then cost_usd end) as sold_usd
    from {{ ref('int_onchain__spent_value') }}
    group by asset, network, spend_date
),

created as (
    select
        held.asset,
        held.network,
        held.reached_date as value_date,
        coalesce(sum(case when closes.close_usd is null then held.held_sats end), 0) as unpriced_sats,
        coalesce(sum(held.held_sats * closes.close_fixed), 0) as cost
    from {{ ref('int_onchain__held_by_age') }} as held
    inner join {{ ref('int_onchain__closes') }} as closes
        on held.asset = closes.asset and held.network = closes.network and held.birth_date = closes.value_date
    where held.age_days = 0
    group by held.asset, held.network, held.reached_date
),

running as (
    select
        supply.*,
        closes.close_usd,
        case
            when supply.has_flows and coalesce(spent.sold_unpriced_sats, 0) = 0
                then cast(spent.sold_sats as double) / 1e8 * closes.close_usd / nullif(spent.sold_usd, 0)
        end as sopr,
        sum(coalesce(created.unpriced_sats, 0) - coalesce(spent.unpriced_sats, 0)) over so_far as unpriced_sats,
        sum(coalesce(created.cost, 0) - coalesce(spent.cost, 0)) over so_far as cost,
        sum(supply.destroyed_sat_days) over so_far as destroyed_so_far,
        sum(supply.supply_sats) over so_far - supply.supply_sats as held_so_far
    from {{ ref('int_onchain__supply_daily') }} as supply
    inner join {{ ref('int_onchain__closes') }} as closes
        on
            supply.asset = closes.asset
            and supply.network = closes.network
            and supply.value_date = closes.value_date
    left join created
        on
            supply.asset = created.asset
            and supply.network = created.network
            and supply.value_date = created.value_date
    left join spent
        on
            supply.asset = spent.asset
            and supply.network = spent.network
            and supply.value_date = spent.value_date
    window so_far as (
        partition by supply.asset, supply.network
        order by supply.value_date
        rows between unbounded preceding and current row
    )
),

valued as (
    select
        *,
        case when unpriced_sats = 0 then cast(cost as double) / 1e8 end as realized_cap_usd,
        cast(supply_sats as double) / 1e8 * close_usd as market_cap_usd
    from running
)

select
    asset,
    network,
    value_date,
    {{ native_from_sats('supply_sats') }} as supply_native,
    {{ native_from_sats('unpriced_sats') }} as unpriced_native,
    realized_cap_usd,
    realized_cap_usd / nullif(cast(supply_sats as double) / 1e8, 0) as realized_price_usd,
    market_cap_usd,
    market_cap_usd / nullif(realized_cap_usd, 0) as mvrv,
    (market_cap_usd - realized_cap_usd) / nullif(market_cap_usd, 0) as nupl,
    sopr,
    case when has_flows then cast(destroyed_sat_days as double) / 1e8 end as coin_days_destroyed,
    case
        when has_flows then cast(destroyed_sat_days as double) / nullif(cast(spent_sats as double), 0)
    end as dormancy_days,
    case
        when is_from_genesis then cast(destroyed_so_far as double) / nullif(cast(held_so_far as double), 0)
    end as liveliness,
    is_final
from valued
