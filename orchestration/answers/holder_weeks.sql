-- question: Long-term holders, whole weeks: coins spent, and the change of their supply
-- grain: One row per week, network and series.
-- shown: build 30
-- marts: onchain_lth_flows_daily

with weeks as (
    select
        cast(date_trunc('week', value_date) as date) as week,
        network,
        series,
        definition_id,
        sum(spent_native) as spent,
        sum(net_change_native) as net_change
    from marts.onchain_lth_flows_daily
    where asset = 'BTC'
    group by week, network, series, definition_id
    having count(*) = 7
)

select
    week,
    network || case when network = 'regtest' then ', simulated' else '' end as network,
    series,
    'age_155d_step' as definition,
    max(case when definition_id = 'age_155d_step' then spent end) as "BTC spent",
    max(case when definition_id = 'age_155d_step' then net_change end) as "BTC net change",
    min(net_change) as "lowest by definition",
    max(net_change) as "highest by definition"
from weeks
group by week, network, series
having count(case when definition_id = 'age_155d_step' then 1 end) > 0
order by week desc, network, series
limit 6
