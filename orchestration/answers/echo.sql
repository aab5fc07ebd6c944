-- question: The echo: what Coinbase's move of November 2025 makes of April 2026, BTC a day
-- grain: One row per day.
-- shown: chart 86
-- marts: onchain_lth_adjusted_daily, onchain_internal_moves
-- reading: 155 days after Coinbase moved about 700,000 long-term coins between its own wallets, the same coins are long-term
--   again, and the line shows a gain that nobody bought. The band is the change of long-term supply without known moves.
-- empty: It is to be expected on 26 and 27 April 2026, 155 days after 22 and 23 November 2025, and no series that is stored
--   reaches that far: about 700,000 BTC will then look bought.

with echoes as (
    select series, definition_id, min(echo_date) as first_date, max(echo_date) as last_date
    from marts.onchain_internal_moves
    where asset = 'BTC' and network = 'main' and move_id = 'coinbase-2025' and definition_id = 'age_155d_step'
    group by series, definition_id
),

around as (
    select
        adjusted.*,
        max(adjusted.value_date) over (partition by adjusted.series) >= echoes.last_date as has_echo
    from echoes
    inner join marts.onchain_lth_adjusted_daily as adjusted
        on
            echoes.series = adjusted.series
            and echoes.definition_id = adjusted.definition_id
            and adjusted.value_date between echoes.first_date - interval 45 day and echoes.last_date + interval 45 day
    where adjusted.asset = 'BTC' and adjusted.network = 'main'
),

-- one's own node before what is published
chosen as (
    select series
    from around
    where has_echo
    group by series
    order by series <> 'derived', series
    limit 1
)

select
    around.value_date as day,
    around.net_change_native as "as published",
    around.net_change_adjusted_low_native as "without known moves, low",
    around.net_change_adjusted_high_native as "without known moves, high",
    around.series,
    around.definition_id as definition
from around
inner join chosen on around.series = chosen.series
order by day
