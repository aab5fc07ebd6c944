-- question: All US spot funds, last complete weeks by trade date
-- grain: One row per week and asset.
-- shown: build 20
-- marts: etf_market_flows_weekly

-- complete weeks; where no week has every listed fund, those with at least half as many funds as any other
with weeks as (
    select
        *,
        max(cast(is_complete as int)) over () as has_complete,
        max(funds_reported) over (partition by asset) as most_funds
    from marts.etf_market_flows_weekly
),

-- of each week the source that is complete, or has most funds
places as (
    select
        *,
        row_number() over (
            partition by asset, week_start_date order by is_complete desc, funds_reported desc, source
        ) as place
    from weeks
    where is_complete or (has_complete = 0 and funds_reported > 0 and 2 * funds_reported >= most_funds)
)

select
    week_start_date as week,
    asset,
    net_flow_usd / 1e6 as "US$ m",
    net_flow_native as coins,
    case when is_complete then '' else 'only ' end || funds_reported || ' of ' || funds_expected as funds,
    source as "by"
from places
where place = 1
order by week_start_date desc, asset
limit 4
