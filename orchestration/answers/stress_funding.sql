-- question: Funding: % of the position, sum of a day
-- grain: One row per asset, venue, contract, kind and day.
-- shown: stress 40
-- marts: derivatives_funding_daily
-- reading: What longs paid shorts over the day; below zero, shorts paid longs. An indicative rate was shown and never
--   paid. Contracts that settle every hour, four or eight are comparable as sums of a day only.
-- empty: No funding is stored: name `binance_funding`, `okx_funding`, `bybit_funding` or `hyperliquid_funding` in the list
--   `[publishers] sources` of flowhouse.toml, then run `flowhouse build --live`.

select
    asset,
    value_date as day,
    venue || ' ' || contract || case when kind = 'settled' then '' else ', ' || kind end as contract,
    sum_rate * 100 as "% a day",
    is_complete as "is complete"
from marts.derivatives_funding_daily
where sum_rate is not null
order by asset = 'BTC' desc, asset, contract, day
