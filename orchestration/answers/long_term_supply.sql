-- question: Long-term supply: BTC
-- grain: One row per day, series and definition.
-- shown: chart 80
-- marts: onchain_holder_supply_daily
-- reading: A line per series and definition of long-term, and the band between them. The axis does not start at zero; a
--   sudden step may be a move between one owner's wallets.
-- empty: No supply of long-term holders is stored yet: `flowhouse ingest bitcoin` reads a node.

select value_date as day, network, series || ', ' || definition_id as series, lth_native as "BTC"
from marts.onchain_holder_supply_daily
where
    asset = 'BTC'
    and network = (select min(network) from marts.onchain_holder_supply_daily where asset = 'BTC')
order by series <> 'derived', series, day
