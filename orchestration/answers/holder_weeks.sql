-- question: Long-term holders, whole weeks: coins spent, and the change of their supply
-- grain: One row per week, network, series and definition.
-- shown: build 30
-- marts: onchain_lth_flows_daily

select
    cast(date_trunc('week', value_date) as date) as week,
    network || case when network = 'regtest' then ', simulated' else '' end as network,
    series,
    definition_id as definition,
    sum(spent_native) as "BTC spent",
    sum(net_change_native) as "BTC net change"
from marts.onchain_lth_flows_daily
where asset = 'BTC' and definition_id = 'age_155d_step'
group by week, network, series, definition_id
having count(*) = 7
order by week desc, network, series
limit 6
