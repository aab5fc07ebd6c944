select
    flow.asset,
    flow.network,
    flow.spend_date,
    ages.class_age_days,
    sum({{ sats('flow.amount_units') }}) as spent_units,
    sum({{ sats('flow.amount_units') }} * ages.age_days) as destroyed_unit_days
from {{ coin_flow() }} as flow
inner join {{ ref('int_onchain__ages') }} as ages
    on {{ days_between('flow.birth_date', 'flow.spend_date') }} = ages.age_days
group by flow.asset, flow.network, flow.spend_date, ages.class_age_days
