-- question: Funds, last complete week
-- grain: One row per asset.
-- shown: tile 10
-- marts: etf_fund_weekly
-- reading: Net flow by trade date.
-- empty: No week of the funds is complete yet.

with weeks as (
    select
        asset,
        week_start_date,
        sum(net_flow_native) as net_flow_native,
        sum(net_flow_usd) as net_flow_usd,
        sum(sessions) as reported,
        sum(expected_sessions) as expected,
        max(week_start_date) over (partition by asset) as newest
    from marts.etf_fund_weekly
    group by asset, week_start_date
    having min(cast(is_complete as int)) = 1
)

select
    asset,
    net_flow_native as coins,
    net_flow_usd / 1e6 as "US$ m",
    week_start_date as since,
    week_start_date + 6 as day,
    reported,
    expected,
    'reports of funds' as "what"
from weeks
where week_start_date = newest
order by asset
