with spent as (
    select
        asset,
        network,
        spend_date as value_date,
        sum(unpriced_units) as unpriced_units,
        sum(cost) as cost,
        sum(uncertain_cost) as uncertain_cost,
        sum(case when is_sale then spent_units end) as sold_units,
        sum(case when is_sale then unpriced_units end) as sold_unpriced_units,
        sum(case when is_sale then cost end) as sold_cost
    from {{ ref('int_onchain__spent_value') }}
    group by asset, network, spend_date
),

created as (
    select
        held.asset,
        held.network,
        held.reached_date as value_date,
        coalesce(sum(case when closes.close_usd is null then held.held_units end), 0) as unpriced_units,
        coalesce(sum(held.held_units * closes.close_fixed), 0) as cost,
        coalesce(sum(case when closes.is_uncertain then held.held_units * closes.close_fixed end), 0) as uncertain_cost
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
        closes.is_carried,
        closes.carried_days,
        case
            when supply.has_flows and coalesce(spent.sold_unpriced_units, 0) = 0
                then cast(spent.sold_units as double) * closes.close_usd / nullif(cast(spent.sold_cost as double), 0)
        end as sopr,
        sum(coalesce(created.unpriced_units, 0) - coalesce(spent.unpriced_units, 0)) over so_far as unpriced_units,
        sum(coalesce(created.cost, 0) - coalesce(spent.cost, 0)) over so_far as cost,
        sum(coalesce(created.uncertain_cost, 0) - coalesce(spent.uncertain_cost, 0)) over so_far as uncertain_cost,
        sum(supply.destroyed_unit_days) over so_far as destroyed_so_far,
        (sum(supply.supply_units) over so_far) - supply.supply_units as held_so_far
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
        case when unpriced_units = 0 then {{ coins_from_units('cost', 'decimals') }} end as realized_cap_usd,
        {{ coins_from_units('supply_units', 'decimals') }} * close_usd as market_cap_usd
    from running
)

select
    asset,
    network,
    value_date,
    {{ native_from_units('supply_units', 'decimals') }} as supply_native,
    {{ native_from_units('unpriced_units', 'decimals') }} as unpriced_native,
    realized_cap_usd,
    case when unpriced_units = 0 then {{ coins_from_units('uncertain_cost', 'decimals') }} end
        as realized_cap_uncertain_usd,
    realized_cap_usd / nullif({{ coins_from_units('supply_units', 'decimals') }}, 0) as realized_price_usd,
    market_cap_usd,
    market_cap_usd / nullif(realized_cap_usd, 0) as mvrv,
    (market_cap_usd - realized_cap_usd) / nullif(market_cap_usd, 0) as nupl,
    sopr,
    case when has_flows then {{ coins_from_units('destroyed_unit_days', 'decimals') }} end as coin_days_destroyed,
    case
        when has_flows then cast(destroyed_unit_days as double) / nullif(cast(spent_units as double), 0)
    end as dormancy_days,
    case
        when is_from_genesis then cast(destroyed_so_far as double) / nullif(cast(held_so_far as double), 0)
    end as liveliness,
    is_carried,
    carried_days,
    is_final
from valued
