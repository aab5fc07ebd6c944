-- question: IBIT by two dates
-- grain: One row per dating convention and source.
-- shown: table 12
-- marts: etf_flows_weekly, etf_market_flows_weekly
-- reading: The same shares by the date of the trade, and by the date on which the issuer counts them, a session later.
-- empty: No complete week of IBIT is stored yet.

-- complete weeks; where no week has every listed fund, those with at least half as many funds as any other
with weeks as (
    select
        *,
        max(cast(is_complete as int)) over () as has_complete,
        max(funds_reported) over () as most_funds
    from marts.etf_market_flows_weekly
    where asset = 'BTC'
),

newest as (
    select max(week_start_date) as week_start_date
    from weeks
    where is_complete or (has_complete = 0 and funds_reported > 0 and 2 * funds_reported >= most_funds)
)

select
    week_start_date as week,
    dating_convention as dating,
    net_flow_native as "BTC",
    net_flow_usd / 1e6 as "US$ m",
    source,
    is_complete as complete
from marts.etf_flows_weekly
where ticker = 'IBIT' and week_start_date = (select week_start_date from newest)
order by dating desc, source
