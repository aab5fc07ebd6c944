-- question: Share of supply that funds absorbed
-- grain: One row per series of holders, definition and dating convention.
-- shown: table 16
-- marts: demand_vs_supply_weekly, etf_market_flows_weekly
-- reading: Flow of the funds over what was issued and let go: 1 means that they took all of it, below 0 that they let
--   go too. There is no share where holders took up all that was issued. Net counts coins that came of age; gross does
--   not.
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
            select week_start_date
            from marts.demand_vs_supply_weekly
            where asset = 'BTC' and lth_net_change_native is not null
        )
),

newest as (
    select week_start_date, source, funds_reported || ' of ' || funds_expected || ' funds' as funds
    from weeks
    where is_complete or (has_complete = 0 and funds_reported > 0 and 2 * funds_reported >= most_funds)
    order by week_start_date desc, is_complete desc, funds_reported desc, source
    limit 1
)

select
    demand.week_start_date as week,
    absorption_ratio as net,
    absorption_ratio_gross as gross,
    coalesce(missing, 'nothing') as missing,
    has_internal_move as "internal move",
    dating_convention as dating,
    holder_series as series,
    definition_id as definition,
    newest.source || ', ' || newest.funds as "flows by"
from marts.demand_vs_supply_weekly as demand
inner join newest on demand.week_start_date = newest.week_start_date and demand.flow_source = newest.source
where demand.asset = 'BTC'
order by series <> 'derived', series, definition, dating desc
