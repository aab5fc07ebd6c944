-- question: Long-term holders, the same week
-- grain: One row per network, series and definition.
-- shown: table 14
-- marts: onchain_lth_flows_daily, etf_market_flows_weekly
-- reading: Net change of supply, and coins spent, in the newest week of the funds that holders are known of. Gross of
--   internal moves: value of coins moved, not sale proceeds.
-- empty: No week has both flows of funds and a supply of long-term holders yet.

-- complete weeks; where no week has every listed fund, those with at least half as many funds as any other
with weeks as (
    select
        *,
        max(cast(is_complete as int)) over () as has_complete,
        max(funds_reported) over () as most_funds
    from marts.etf_market_flows_weekly
    where
        asset = 'BTC'
        and week_start_date in (
            select cast(date_trunc('week', value_date) as date)
            from marts.onchain_lth_flows_daily
            where asset = 'BTC' and net_change_native is not null
            group by 1
            having count(distinct value_date) = 7
        )
),

newest as (
    select max(week_start_date) as week_start_date
    from weeks
    where is_complete or (has_complete = 0 and funds_reported > 0 and 2 * funds_reported >= most_funds)
)

select
    network,
    sum(net_change_native) as "net change, BTC",
    sum(spent_native) as "spent, BTC",
    sum(spent_usd) / 1e6 as "spent, US$ m",
    series,
    definition_id as definition,
    count(net_change_native) || ' of 7' as days,
    cast(date_trunc('week', min(value_date)) as date) as week
from marts.onchain_lth_flows_daily
where
    asset = 'BTC'
    and value_date between (select week_start_date from newest) and (select week_start_date + 6 from newest)
group by network, series, definition
order by network, series <> 'derived', series, definition
