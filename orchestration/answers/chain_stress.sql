-- question: Stress on chain: the newest liquidations and vault outflows
-- grain: One row per day, network, protocol, kind of event and coin.
-- shown: table 40
-- marts: onchain_defi_liquidations_daily, onchain_vault_outflows_daily
-- reading: Loans closed by force with the collateral seized for them, and coins that left a vault, by day. US$ are
--   shown where the coin has a price.
-- empty: No liquidation and no outflow of a vault is stored.

select
    value_date as day,
    network,
    protocol,
    'liquidation' as event,
    collateral_asset as coin,
    sum(collateral_native) as coins,
    sum(collateral_usd) / 1e6 as "US$ m",
    sum(liquidations) as loans
from marts.onchain_defi_liquidations_daily
group by value_date, network, protocol, collateral_asset
union all
select value_date, network, protocol, 'vault outflow', asset, outflow_native, null, null
from marts.onchain_vault_outflows_daily
where outflow_native > 0
order by day desc, event, coins desc
limit 12
