-- question: Funds, last complete week
-- grain: One row per asset.
-- shown: tile 10
-- marts: etf_fund_weekly, etf_market_daily
-- reading: Net flow by trade date. Where no week has the reports of every listed fund, the newest with at least half as
--   many funds as any other.
-- empty: No week of the funds is complete yet.

with listed as (
    select asset, cast(date_trunc('week', trade_date) as date) as week_start_date, sum(funds_expected) as expected
    from marts.etf_market_daily
    group by asset, week_start_date
),

weeks as (
    select
        asset,
        week_start_date,
        case when count(net_flow_native) = count(net_flow_usd) then sum(net_flow_native) end as net_flow_native,
        sum(net_flow_usd) as net_flow_usd,
        sum(sessions) as reported,
        count(case when is_complete then 1 end) as funds,
        min(cast(is_complete as int)) = 1 as is_each_complete
    from marts.etf_fund_weekly
    group by asset, week_start_date
),

-- a fund that is listed and has no rows is missing too
covered as (
    select
        weeks.*,
        listed.expected,
        weeks.is_each_complete and weeks.reported = listed.expected as is_complete,
        max(weeks.funds) over (partition by weeks.asset) as most_funds
    from weeks
    inner join listed on weeks.asset = listed.asset and weeks.week_start_date = listed.week_start_date
),

places as (
    select *, row_number() over (partition by asset order by is_complete desc, week_start_date desc) as place
    from covered
    where funds > 0 and 2 * funds >= most_funds
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
from places
where place = 1
order by asset
