-- question: The last flows of each fund, and of all of them
-- grain: One row per fund and session, of the asset's last twenty; `ALL` is all funds.
-- shown: show
-- marts: etf_fund_daily, etf_market_daily

with market as (
    select
        *,
        row_number() over (order by trade_date desc) as newest_first
    from marts.etf_market_daily
    where asset = ?
)

select
    'ALL' as fund,
    trade_date as session,
    net_flow_usd
from market
where newest_first <= 20
union all
select
    funds.ticker as fund,
    funds.trade_date as session,
    funds.net_flow_usd
from marts.etf_fund_daily as funds
inner join market on funds.asset = market.asset and funds.trade_date = market.trade_date
where market.newest_first <= 20
order by fund, session
