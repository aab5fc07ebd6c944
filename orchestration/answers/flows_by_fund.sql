-- question: Flows by fund: US spot funds, US$ m per week
-- grain: One row per fund and week, and per week one of all funds together.
-- shown: chart 20
-- marts: etf_fund_weekly
-- reading: Blue is money in, orange money out; a stronger colour is more. Weeks are by trade date and start on the
--   Monday shown; a pale cell is incomplete.
-- empty: No weekly flows by fund are stored yet: run `flowhouse build --live` or replay an archive.

with flows as (
    select asset, week_start_date, ticker as fund, 1 as place, net_flow_usd, is_complete
    from marts.etf_fund_weekly
    union all
    select asset, week_start_date, 'All funds', 0, sum(net_flow_usd), min(cast(is_complete as int)) = 1
    from marts.etf_fund_weekly
    group by asset, week_start_date
)

select
    asset,
    week_start_date as week,
    fund,
    net_flow_usd / 1e6 as "US$ m",
    is_complete as "is complete"
from flows
where net_flow_usd is not null
order by
    sum(abs(net_flow_usd)) over (partition by asset) desc, asset, place,
    sum(abs(net_flow_usd)) over (partition by asset, fund) desc, fund, week
