-- question: Matured and spent: long-term coins, BTC per week
-- grain: One row per week.
-- shown: chart 90
-- marts: onchain_lth_flows_daily
-- reading: Blue coins came of age by the definition, 155 days where it is stored, orange ones were spent, the dark line is
--   the net change. From one's own node, else the series that says most. Gross of internal moves: value of coins moved,
--   not sale proceeds.
-- empty: No long-term supply is stored yet: `flowhouse ingest bitcoin` reads a node.

-- what is known to have been spent before what is not, one's own node before what is published
with best as (
    select network, series, definition_id
    from marts.onchain_lth_flows_daily
    where asset = 'BTC'
    group by network, series, definition_id
    order by
        count(spent_native) = 0, network, series <> 'derived', definition_id <> 'age_155d_step', series, definition_id
    limit 1
),

shown as (
    select flows.*, cast(date_trunc('week', flows.value_date) as date) as week
    from marts.onchain_lth_flows_daily as flows
    inner join best
        on
            flows.network = best.network
            and flows.series = best.series
            and flows.definition_id = best.definition_id
    where flows.asset = 'BTC' and flows.net_change_native is not null
)

select
    week,
    network,
    sum(matured_native) as matured,
    -sum(spent_native) as spent,
    sum(net_change_native) as "net change",
    sum(spent_usd) / 1e6 as "value of spent, US$ m",
    count(*) || ' of 7' as days,
    series,
    definition_id as definition
from shown
group by week, network, series, definition_id
order by week
