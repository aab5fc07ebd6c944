-- question: Demand against supply: change over the window, BTC
-- grain: One row per window and day.
-- shown: chart 70
-- marts: demand_vs_supply_daily, etf_market_daily
-- reading: What funds took in and long-term holders' supply rose by over the days before, against what was issued. The
--   band spans the definitions of a long-term holder; apparent demand is issuance less the change of coins idle for a
--   year. Coins that leave long-term supply need not have been sold. While a known move
--   inside one owner or its echo is in the window, the line leaves out the least that is known of it, and the band spans
--   its bounds; there is no line where the definition is no threshold.
-- empty: No day has both flows of funds and a supply of long-term holders yet.

select
    window_days || ' days' as "window",
    value_date as day,
    etf_net_flow_native as funds,
    case
        when has_internal_move then lth_net_change_adjusted_low_native
        else lth_net_change_native
    end as "long-term holders",
    issued_native as issued,
    apparent_demand_native as "apparent demand",
    case
        when has_internal_move then least(lth_net_change_adjusted_low_native, lth_net_change_adjusted_high_native)
        else lth_net_change_low_native
    end as "holders, lowest definition",
    case
        when has_internal_move then greatest(lth_net_change_adjusted_low_native, lth_net_change_adjusted_high_native)
        else lth_net_change_high_native
    end as "holders, highest definition"
from marts.demand_vs_supply_daily
where
    asset = 'BTC' and is_preferred and window_days in (30, 7)
    and value_date >= (select min(trade_date) from marts.etf_market_daily where asset = 'BTC')
order by window_days desc, day
