-- question: What went to exchanges, and came from them, on account chains?
-- grain: One row per asset, network, day and pair of kinds.
-- shown: example 280
-- marts: onchain_token_flows_daily

select asset, network, value_date, from_kind, to_kind, transfers, amount_native
from marts.onchain_token_flows_daily
where to_kind = 'exchange' or from_kind = 'exchange'
order by value_date desc, asset, from_kind;
