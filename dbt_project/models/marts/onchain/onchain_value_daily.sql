with sums as (
    select
        asset,
        network,
        value_date,
        sum(unpriced_units) as unpriced_units,
        sum(cost) as cost,
        sum(uncertain_cost) as uncertain_cost,
        sum(spent_units - burned_units) as sold_units,
        sum(unpriced_units - burned_unpriced_units) as sold_unpriced_units,
        sum(cost - burned_cost) as sold_cost,
        sum(case when class_age_days = 0 then reached_unpriced_units else 0 end) as created_unpriced_units,
        sum(case when class_age_days = 0 then reached_cost else 0 end) as created_cost,
        sum(case when class_age_days = 0 then reached_uncertain_cost else 0 end) as created_uncertain_cost
    from {{ ref('int_onchain__ages_daily') }}
    group by asset, network, value_date
),

running as (
    select
        supply.*,
        closes.close_usd,
        closes.is_carried,
        closes.carried_days,
        case
            when supply.has_flows and coalesce(sums.sold_unpriced_units, 0) = 0
                then cast(sums.sold_units as double) * closes.close_usd / nullif(cast(sums.sold_cost as double), 0)
        end as sopr,
        sum(coalesce(sums.created_unpriced_units - sums.unpriced_units, 0)) over so_far as unpriced_units,
        sum(coalesce(sums.created_cost - sums.cost, 0)) over so_far as cost,
        sum(coalesce(sums.created_uncertain_cost - sums.uncertain_cost, 0)) over so_far as uncertain_cost,
        sum(supply.destroyed_unit_days) over so_far as destroyed_so_far,
        (sum(supply.supply_units) over so_far) - supply.supply_units as held_so_far
    from {{ ref('int_onchain__supply_daily') }} as supply
    inner join {{ ref('int_onchain__closes') }} as closes
        on
            supply.asset = closes.asset
            and supply.network = closes.network
            and supply.value_date = closes.value_date
    left join sums
        on
            supply.asset = sums.asset
            and supply.network = sums.network
            and supply.value_date = sums.value_date
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
