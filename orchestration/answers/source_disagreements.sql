-- question: Flows whose sources disagree
-- grain: One row per fund and session.
-- shown: report
-- marts: etf_fund_daily
-- reading: Sessions of the newest 30 days where the source that was preferred and the next differ by over US$ 5 m.
-- empty: The sources agree.

select
    ticker as fund,
    trade_date as session,
    flow_source as "counted by",
    net_flow_usd / 1e6 as "US$ m",
    flow_difference_usd / 1e6 as "more than the next source, US$ m"
from marts.etf_fund_daily
where
    abs(flow_difference_usd) > 5e6
    and trade_date > (select max(trade_date) - 30 from marts.etf_fund_daily)
order by abs(flow_difference_usd) desc, session desc, fund
