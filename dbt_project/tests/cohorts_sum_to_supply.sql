{{ config(meta={'dagster': {'ref': {'name': 'onchain_holder_supply_daily'}}}) }}

select *
from {{ ref('onchain_holder_supply_daily') }}
where lth_native + sth_native <> supply_native or (series = 'derived' and (lth_native < 0 or sth_native < 0))
