-- question: Flows by fund: US spot funds, US$ m per week
-- grain: One row per fund and week, and per week one of all funds together.
-- shown: chart 20
-- marts: etf_fund_weekly, etf_market_daily
-- reading: Blue is money in, orange money out; a stronger colour is more. Weeks are by trade date and start on the
--   Monday shown; a pale cell is incomplete.
-- empty: No weekly flows by fund are stored yet: run `flowhouse build --live` or replay an archive.

-- a fund that is listed and has no rows is missing too
with covered as (
    select
        asset,
        cast(date_trunc('week', trade_date) as date) as week_start_date,
        sum(funds_reported) = sum(funds_expected) as is_covered
    from marts.etf_market_daily
    group by asset, week_start_date
),

flows as (
    select asset, week_start_date, ticker as fund, 1 as place, net_flow_usd, is_complete
    from marts.etf_fund_weekly
    union all
    select
        funds.asset,
        funds.week_start_date,
        'All funds',
        0,
        sum(funds.net_flow_usd),
        min(cast(funds.is_complete and covered.is_covered as int)) = 1
    from marts.etf_fund_weekly as funds
    inner join covered on funds.asset = covered.asset and funds.week_start_date = covered.week_start_date
    group by funds.asset, funds.week_start_date
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
