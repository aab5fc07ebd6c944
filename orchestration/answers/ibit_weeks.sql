-- question: IBIT, last complete weeks: the same shares by the date of the trade and by the date of the count
-- grain: One row per week.
-- shown: build 10
-- marts: etf_flows_weekly

select
    week_start_date as week,
    coalesce(
        max(case when source <> 'issuer' then net_flow_usd end),
        max(case when source = 'issuer' and dating_convention = 'trade_date' then net_flow_usd end)
    ) / 1e6 as "US$ m",
    coalesce(
        max(case when source = 'issuer' and dating_convention = 'trade_date' then net_flow_native end),
        max(case when source <> 'issuer' then net_flow_native end)
    ) as "BTC by trade date",
    max(case when source = 'issuer' and dating_convention = 'as_of_date' then net_flow_native end)
        as "BTC by as-of date",
    case
        when count(case when source <> 'issuer' and net_flow_usd is not null then 1 end) > 0
            then max(case when source <> 'issuer' then source end)
        when count(case when dating_convention = 'trade_date' and net_flow_usd is not null then 1 end) > 0
            then 'issuer'
    end as "US$ by"
from marts.etf_flows_weekly
where ticker = 'IBIT' and is_complete
group by week_start_date
order by week_start_date desc
limit 4
