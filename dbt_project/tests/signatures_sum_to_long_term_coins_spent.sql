{{ config(meta={'dagster': {'ref': {'name': 'onchain_transfer_signatures_daily'}}}) }}

select
    signatures.asset,
    signatures.network,
    signatures.value_date,
    max(flows.spent_native) as spent_native
from {{ ref('onchain_transfer_signatures_daily') }} as signatures
inner join {{ ref('onchain_lth_flows_daily') }} as flows
    on
        signatures.asset = flows.asset
        and signatures.network = flows.network
        and signatures.value_date = flows.value_date
where flows.series = 'derived' and flows.definition_id = 'age_155d_step'
group by signatures.asset, signatures.network, signatures.value_date
having sum(signatures.lth_spent_native) <> max(flows.spent_native)
