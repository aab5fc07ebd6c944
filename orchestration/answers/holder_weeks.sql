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
),

-- of each series the definition that is most used; where it has another alone, that one
definitions as (
    select
        network,
        series,
        definition_id as shown_id,
        row_number() over (
            partition by network, series order by definition_id <> 'age_155d_step', count(spent) = 0, definition_id
        ) as place
    from weeks
    group by network, series, definition_id
)

select
    weeks.week,
    weeks.network || case when weeks.network = 'regtest' then ', simulated' else '' end as network,
    weeks.series,
    definitions.shown_id as definition,
    max(case when weeks.definition_id = definitions.shown_id then weeks.spent end) as "BTC spent",
    max(case when weeks.definition_id = definitions.shown_id then weeks.net_change end) as "BTC net change",
    min(weeks.net_change) as "lowest by definition",
    max(weeks.net_change) as "highest by definition"
from weeks
inner join definitions
    on weeks.network = definitions.network and weeks.series = definitions.series and definitions.place = 1
group by weeks.week, weeks.network, weeks.series, definitions.shown_id
having count(case when weeks.definition_id = definitions.shown_id then 1 end) > 0
order by weeks.week desc, weeks.network, weeks.series <> 'derived', weeks.series
limit 6
