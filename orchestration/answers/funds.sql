-- question: All US spot funds
-- grain: One row per asset.
-- shown: card 10
-- marts: etf_market_flows_weekly
-- reading: Net flow of the last complete week, by trade date.
-- empty: No week of the funds is complete yet.

with complete as (
    select *, max(week_start_date) over (partition by asset) as newest
    from marts.etf_market_flows_weekly
    where source = 'farside' and is_complete
)

select
    week_start_date as week,
    asset,
    net_flow_native as coins,
    net_flow_usd / 1e6 as "US$ m",
    funds_reported || ' of ' || funds_expected as "funds reported"
from complete
where week_start_date = newest
order by asset
