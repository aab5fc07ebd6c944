-- question: In which weeks did the funds take in, or give out, more than 10,000 BTC?
-- grain: One row per week.
-- shown: example 60
-- marts: etf_fund_weekly, etf_market_daily

with covered as (
    select
        cast(date_trunc('week', trade_date) as date) as week_start_date,
        sum(funds_reported) = sum(funds_expected) as is_covered
    from marts.etf_market_daily
    where asset = 'BTC'
    group by 1
)

select
    week_start_date, sum(net_flow_native) as coins, sum(net_flow_usd) / 1e6 as usd_m,
    bool_and(is_complete and is_covered) as is_complete
from marts.etf_fund_weekly
inner join covered using (week_start_date)
where asset = 'BTC'
group by week_start_date
having abs(sum(net_flow_native)) > 10000
order by week_start_date desc;
