-- question: Share of supply that funds absorbed
-- grain: One row per series of holders, definition and dating convention.
-- shown: table 16
-- marts: demand_vs_supply_weekly, etf_market_flows_weekly
-- reading: Flow of the funds over what was issued and let go: 1 means that they took all of it, below 0 that they let
--   go too. There is no share where holders took up all that was issued. Net counts coins that came of age; gross does
--   not.
-- empty: No week has both flows of funds and a supply of long-term holders yet.

with newest as (
    select max(week_start_date) as week_start_date
    from marts.etf_market_flows_weekly
    where asset = 'BTC' and source = 'farside' and is_complete
)

select
    week_start_date as week,
    absorption_ratio as net,
    absorption_ratio_gross as gross,
    coalesce(missing, 'nothing') as missing,
    has_internal_move as "internal move",
    dating_convention as dating,
    holder_series as series,
    definition_id as definition
from marts.demand_vs_supply_weekly
where asset = 'BTC' and flow_source = 'farside' and week_start_date = (select week_start_date from newest)
order by series <> 'derived', series, definition, dating desc
