-- All values are those of smallest units as if they were coins. Cost is exact, for running sums; dollars that are only
-- summed are doubles, which take a third of the time.
with priced as (
    select
        flow.asset,
        flow.network,
        flow.spend_date,
        ages.class_age_days,
        flow.kind <> 'burn' as is_sale,
        {{ sats('flow.amount_units') }} as spent_units,
        {{ sats('flow.amount_units') }} * births.close_fixed as cost,
        cast(flow.amount_units as double) * births.close_usd as cost_usd,
        cast(flow.amount_units as double) * (spends.close_usd - births.close_usd) as gain_usd
    from {{ coin_flow() }} as flow
    inner join {{ ref('int_onchain__ages') }} as ages
        on {{ days_between('flow.birth_date', 'flow.spend_date') }} = ages.age_days
    inner join {{ ref('int_onchain__closes') }} as births
        on flow.asset = births.asset and flow.network = births.network and flow.birth_date = births.value_date
    inner join {{ ref('int_onchain__closes') }} as spends
        on flow.asset = spends.asset and flow.network = spends.network and flow.spend_date = spends.value_date
)

select
    asset,
    network,
    spend_date,
    class_age_days,
    is_sale,
    sum(spent_units) as spent_units,
    coalesce(sum(case when cost is null then spent_units end), 0) as unpriced_units,
    coalesce(sum(cost), 0) as cost,
    sum(cost_usd) as cost_usd,
    sum(greatest(gain_usd, 0)) as profit_usd,
    sum(greatest(-gain_usd, 0)) as loss_usd
from priced
group by asset, network, spend_date, class_age_days, is_sale
