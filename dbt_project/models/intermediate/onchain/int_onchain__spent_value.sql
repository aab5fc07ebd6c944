-- All values are those of smallest units as if they were coins, in fixed point: exact in running sums, and in any order.
-- A group has one close of the day its coins were spent on, so profit and loss need no product for each cell.
with priced as (
    select
        flow.asset,
        flow.network,
        flow.spend_date,
        ages.class_age_days,
        flow.kind <> 'burn' as is_sale,
        {{ sats('flow.amount_units') }} as spent_units,
        {{ sats('flow.amount_units') }} * births.close_fixed as cost,
        births.is_uncertain,
        births.close_fixed < spends.close_fixed as has_gained,
        spends.close_fixed as spend_close
    from {{ coin_flow() }} as flow
    inner join {{ ref('int_onchain__ages') }} as ages
        on {{ days_between('flow.birth_date', 'flow.spend_date') }} = ages.age_days
    inner join {{ ref('int_onchain__closes') }} as births
        on flow.asset = births.asset and flow.network = births.network and flow.birth_date = births.value_date
    inner join {{ ref('int_onchain__closes') }} as spends
        on flow.asset = spends.asset and flow.network = spends.network and flow.spend_date = spends.value_date
),

summed as (
    select
        asset,
        network,
        spend_date,
        class_age_days,
        is_sale,
        sum(spent_units) as spent_units,
        coalesce(sum(case when cost is null then spent_units end), 0) as unpriced_units,
        coalesce(sum(cost), 0) as cost,
        coalesce(sum(case when is_uncertain then cost end), 0) as uncertain_cost,
        coalesce(sum(case when has_gained then spent_units end), 0) as gained_units,
        coalesce(sum(case when has_gained then cost end), 0) as gained_cost,
        max(spend_close) as spend_close
    from priced
    group by asset, network, spend_date, class_age_days, is_sale
)

select
    asset,
    network,
    spend_date,
    class_age_days,
    is_sale,
    spent_units,
    unpriced_units,
    cost,
    uncertain_cost,
    -- Null where the day has no close.
    gained_units * spend_close - gained_cost as profit,
    cost - gained_cost - (spent_units - unpriced_units - gained_units) * spend_close as loss
from summed
