-- question: Liquidations: US$ m a day
-- grain: One row per asset, venue, side, coverage and day.
-- shown: stress 50
-- marts: derivatives_liquidations_daily
-- reading: Positions closed by force, by the side that was closed: longs upwards, shorts downwards, both where a venue
--   does not say. A pale bar with an outline is a lower bound: some were pushed, or some hours watched. Venues are not summed.
-- empty: No liquidation is stored: name `hyperliquid_liquidations`, `kraken_liquidations`, `gate_liquidations` or
--   `bitfinex_liquidations` in the list `[publishers] sources` of flowhouse.toml and run `flowhouse build --live`; what
--   venues push and do not keep, `flowhouse collect liquidations` records from now on.

select
    asset,
    value_date as day,
    venue || ' ' || replace(side, '_', ' ') || ' (' || replace(coverage, '_', ' ') || ')' as venue,
    notional_usd / 1e6 as "US$ m",
    not is_lower_bound as "is complete"
from marts.derivatives_liquidations_daily
where notional_usd is not null
order by asset = 'BTC' desc, asset, venue, day
