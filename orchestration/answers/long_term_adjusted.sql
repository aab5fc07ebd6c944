-- question: Sold or moved: long-term supply without known moves, BTC
-- grain: One row per day.
-- shown: chart 84
-- marts: onchain_lth_adjusted_daily
-- reading: The line is as published or read from a node. In the band, coins that only moved inside one owner stay
--   long-term, by the low and the high bounds of the known moves; where it leaves the line, the fall or the rise between
--   them is no sale and no purchase.
-- empty: No long-term supply by a threshold of age is stored yet: `flowhouse ingest bitcoin` reads a node.

with adjusted as (
    select *
    from marts.onchain_lth_adjusted_daily
    where asset = 'BTC' and network = 'main'
),

-- one's own node, then the definition that is most used; among equals, the first by name
chosen as (
    select series, definition_id
    from adjusted
    group by series, definition_id
    order by series <> 'derived', definition_id <> 'age_155d_step', series, definition_id
    limit 1
)

select
    adjusted.value_date as day,
    adjusted.lth_native as "as published",
    adjusted.lth_adjusted_low_native as "without known moves, low",
    adjusted.lth_adjusted_high_native as "without known moves, high",
    adjusted.series,
    adjusted.definition_id as definition
from adjusted
inner join chosen on adjusted.series = chosen.series and adjusted.definition_id = chosen.definition_id
order by day
