-- question: Long-term holders: net change of their supply, coins a day
-- grain: One row per asset, series, definition and day.
-- shown: stress 90
-- marts: onchain_lth_flows_daily
-- reading: Coins that came of age less coins that were spent, by each series and definition that is stored. A fall is
--   no sale by itself.
-- empty: No holders are stored: `flowhouse ingest bitcoin` reads a node of yours, and `flowhouse build --live` what
--   publishers say.

select
    asset,
    value_date as day,
    series || ', ' || definition_id as series,
    net_change_native as coins,
    is_final as "is complete"
from marts.onchain_lth_flows_daily
where network = 'main' and net_change_native is not null
order by asset = 'BTC' desc, asset, series, day
