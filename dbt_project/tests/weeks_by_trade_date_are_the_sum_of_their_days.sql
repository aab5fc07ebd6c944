{{ config(meta={'dagster': {'ref': {'name': 'etf_flows_weekly'}}}) }}

-- Sums of doubles in another order differ by less than a cent.
with days as (
    select
        ticker,
        {{ week_start('trade_date') }} as week_start_date,
        source,
        sum(net_flow_usd) as net_flow_usd,
        count(net_flow_usd) as sessions
    from {{ ref('etf_flows_daily') }}
    group by ticker, {{ week_start('trade_date') }}, source
),

weeks as (
    select * from {{ ref('etf_flows_weekly') }}
    where dating_convention = 'trade_date'
)

select
    days.*,
    weeks.net_flow_usd as week_flow_usd
from days
full outer join weeks
    on days.ticker = weeks.ticker and days.week_start_date = weeks.week_start_date and days.source = weeks.source
where
    days.ticker is null
    or weeks.ticker is null
    or days.sessions <> weeks.sessions
    or (days.net_flow_usd is null) <> (weeks.net_flow_usd is null)
    or abs(days.net_flow_usd - weeks.net_flow_usd) >= 0.01e0
