-- question: Month: what all funds took in, week by week
-- grain: One row per week, the last five.
-- shown: show 20
-- marts: etf_market_daily
-- reading: The last week may not be over. Coins and net assets are those after its last session.
-- empty: No session of its funds is stored yet: `flowhouse build` reads a publisher's page.

with newest as (
    select
        asset,
        max(trade_date) as trade_date
    from marts.etf_market_daily
    where asset = ? and net_flow_usd is not null
    group by asset
),

sessions as (
    select
        market.*,
        cast(date_trunc('week', market.trade_date) as date) as week,
        newest.trade_date as newest_date,
        max(market.trade_date) over (partition by date_trunc('week', market.trade_date)) as last_date
    from marts.etf_market_daily as market
    inner join newest on market.asset = newest.asset and market.trade_date <= newest.trade_date
),

weeks as (
    select
        week,
        max(newest_date) as newest_date,
        sum(net_flow_usd) / 1e6 as usd_m,
        case when count(net_flow_native) = count(net_flow_usd) then sum(net_flow_native) end as coins,
        count(net_flow_usd) as sessions,
        count(*) - count(case when is_complete then 1 end) as incomplete,
        max(case when trade_date = last_date then held_native end) as held,
        max(case when trade_date = last_date then net_assets_usd end) / 1e9 as assets_bn,
        row_number() over (order by week desc) as newest_first
    from sessions
    group by week
)

select
    week,
    usd_m as "US$ m",
    coins,
    sessions,
    held as "coins held",
    round(assets_bn, 3) as "US$ bn",
    case when incomplete > 0 then incomplete || ' of its sessions' end as missing,
    newest_date as "as of"
from weeks
where newest_first <= 5
order by week
