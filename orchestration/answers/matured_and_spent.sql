-- question: Matured and spent: long-term coins, BTC per week
-- grain: One row per week.
-- shown: chart 90
-- marts: onchain_lth_flows_daily
-- reading: Blue coins turned 155 days old, orange ones were spent, the dark line is the net change. Gross of internal
--   moves: value of coins moved, not sale proceeds.
-- empty: No chain is stored yet: `flowhouse ingest bitcoin` reads a node.

with shown as (
    select *, cast(date_trunc('week', value_date) as date) as week
    from marts.onchain_lth_flows_daily
    where
        asset = 'BTC' and series = 'derived' and definition_id = 'age_155d_step'
        and network = (
            select min(network) from marts.onchain_lth_flows_daily where asset = 'BTC' and series = 'derived'
        )
)

select
    week,
    network,
    sum(matured_native) as matured,
    -sum(spent_native) as spent,
    sum(net_change_native) as "net change",
    sum(spent_usd) / 1e6 as "value of spent, US$ m",
    count(*) || ' of 7' as days
from shown
group by week, network
order by week
