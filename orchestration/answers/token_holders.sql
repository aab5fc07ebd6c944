-- question: Token holders
-- grain: One row per token and network.
-- shown: table 30
-- marts: onchain_tokens, onchain_token_supply_daily, onchain_token_flows_daily, onchain_holder_supply_daily
-- reading: Coins wrapped on account chains: supply, how long it is held, and how much went to exchanges and came from
--   them over the last seven days stored. Coins are matched first in, first out; a token that is not matched says
--   why.
-- empty: No account chain is stored: `flowhouse ingest evm --rpc URL` reads one.

with exchanges as (
    select
        flows.asset,
        flows.network,
        sum(case when flows.to_kind = 'exchange' then flows.amount_native end) as sent_native,
        sum(case when flows.from_kind = 'exchange' then flows.amount_native end) as taken_native
    from marts.onchain_token_flows_daily as flows
    inner join marts.onchain_tokens as tokens
        on flows.asset = tokens.asset and flows.network = tokens.network and flows.value_date > tokens.last_date - 7
    where flows.from_kind <> flows.to_kind
    group by flows.asset, flows.network
)

select
    tokens.asset,
    tokens.network,
    tokens.last_date as day,
    supply.supply_native as supply,
    supply.holders,
    long_term.lth_native as "held 155 days or more",
    exchanges.sent_native as "to exchanges",
    exchanges.taken_native as "from exchanges",
    coalesce(tokens.unmatched_because, '') as "not matched"
from marts.onchain_tokens as tokens
left join marts.onchain_token_supply_daily as supply
    on tokens.asset = supply.asset and tokens.network = supply.network and tokens.last_date = supply.value_date
left join marts.onchain_holder_supply_daily as long_term
    on
        tokens.asset = long_term.asset
        and tokens.network = long_term.network
        and tokens.last_date = long_term.value_date
        and long_term.series = 'derived'
        and long_term.definition_id = 'age_155d_step'
left join exchanges on tokens.asset = exchanges.asset and tokens.network = exchanges.network
order by tokens.network, tokens.asset
