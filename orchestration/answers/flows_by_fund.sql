-- question: Flows by fund: US spot Bitcoin funds, US$ m per week
-- grain: One row per fund and week, and per week one of all funds together.
-- shown: chart 10
-- marts: etf_flows_weekly, etf_market_flows_weekly
-- reading: Blue is money in, orange money out; a stronger colour is more. Weeks are by trade date and start on the
--   Monday shown; a pale cell is incomplete.
-- empty: No weekly flows by fund are stored yet: run `flowhouse build --live` or replay an archive.

with flows as (
    select week_start_date, 'All funds' as fund, 0 as place, net_flow_usd, is_complete
    from marts.etf_market_flows_weekly
    where asset = 'BTC' and source = 'farside'
    union all
    select week_start_date, ticker, 1, net_flow_usd, is_complete
    from marts.etf_flows_weekly
    where asset = 'BTC' and source = 'farside' and dating_convention = 'trade_date'
),

newest as (
    select * from flows
    where week_start_date in (select distinct week_start_date from flows order by week_start_date desc limit 7)
)

select
    week_start_date as week,
    fund,
    net_flow_usd / 1e6 as "US$ m",
    is_complete as "is complete"
from newest
order by place, sum(abs(net_flow_usd)) over (partition by fund) desc nulls last, fund, week
