-- question: Demand against supply: BTC per week
-- grain: One row per week.
-- shown: chart 30
-- marts: demand_vs_supply_weekly
-- reading: Blue is what the funds took in, orange what was issued and what the supply of long-term holders fell by;
--   above them is the share that funds absorbed. Coins let go need not have been sold; a week marked * has a
--   known internal move and is not drawn.
-- empty: No week has both flows of funds and a supply of long-term holders yet.

with ranked as (
    select *, dense_rank() over (order by holder_series <> 'derived', holder_series) as choice
    from marts.demand_vs_supply_weekly
    where
        asset = 'BTC' and flow_source = 'farside' and dating_convention = 'trade_date'
        and definition_id = 'age_155d_step'
)

select
    week_start_date as week,
    etf_net_flow_native as "funds took in",
    issued_native - lth_net_change_native as "issued and let go",
    absorption_ratio as "share absorbed",
    holder_series as series,
    is_complete as "is complete",
    missing,
    has_internal_move as "internal move"
from ranked
where choice = 1 and week_start_date > (select max(week_start_date) from ranked) - interval 12 week
order by week
