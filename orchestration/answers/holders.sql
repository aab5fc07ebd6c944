-- question: Long-term holders, the same week
-- grain: One row per network, series and definition.
-- shown: table 14
-- marts: onchain_lth_flows_daily, etf_market_flows_weekly
-- reading: Net change of supply, and coins spent. Gross of internal moves: value of coins moved, not sale proceeds.
-- empty: No supply of long-term holders is stored for that week.

with newest as (
    select max(week_start_date) as week_start_date
    from marts.etf_market_flows_weekly
    where asset = 'BTC' and source = 'farside' and is_complete
)

select
    network,
    sum(net_change_native) as "net change, BTC",
    sum(spent_native) as "spent, BTC",
    sum(spent_usd) / 1e6 as "spent, US$ m",
    series,
    definition_id as definition,
    count(net_change_native) || ' of 7' as days
from marts.onchain_lth_flows_daily
where
    asset = 'BTC'
    and value_date between (select week_start_date from newest) and (select week_start_date + 6 from newest)
group by network, series, definition
order by network, series <> 'derived', series, definition
