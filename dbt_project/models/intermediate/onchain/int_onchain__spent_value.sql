-- Cost is exact, in satoshi times US$, for running sums; dollars that are only added up are doubles, a third of the time.
with priced as (
    select
        flow.asset,
        flow.network,
        flow.spend_date,
        ages.class_age_days,
        flow.kind <> 'burn' as is_sale,
        {{ sats('flow.amount_sats') }} as spent_sats,
        {{ sats('flow.amount_sats') }} * births.close_fixed as cost,
        cast(flow.amount_sats as double) / 1e8 * births.close_usd as cost_usd,
        cast(flow.amount_sats as double) / 1e8 * (spends.close_usd - births.close_usd) as gain_usd
    from {{ ref('stg_bitcoin__coin_flow') }} as flow
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
    sum(spent_sats) as spent_sats,
    coalesce(sum(case when cost is null then spent_sats end), 0) as unpriced_sats,
    coalesce(sum(cost), 0) as cost,
    sum(cost_usd) as cost_usd,
    sum(greatest(gain_usd, 0)) as profit_usd,
    sum(greatest(-gain_usd, 0)) as loss_usd
from priced
group by asset, network, spend_date, class_age_days, is_sale
