-- question: All US spot funds, last complete weeks by trade date
-- grain: One row per week and asset.
-- shown: build 20
-- marts: etf_market_flows_weekly

select
    week_start_date as week,
    asset,
    net_flow_usd / 1e6 as "US$ m",
    net_flow_native as coins,
    funds_reported || ' of ' || funds_expected as funds
from marts.etf_market_flows_weekly
where source = 'farside' and is_complete
order by week_start_date desc, asset
limit 4
