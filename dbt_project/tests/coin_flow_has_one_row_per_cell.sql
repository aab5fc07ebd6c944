{{ config(meta={'dagster': {'ref': {'name': 'onchain_coin_flow'}}}) }}

-- The number of rows equals that of distinct ages, one bit each. For the 12.7 M cells of Bitcoin's history that takes
-- half a second; an index would take 15 s, and grouping 1.6 GB.
select
    asset,
    network,
    spend_date,
    kind,
    count(*) as cells
from (
    select
        *,
        {{ days_between('birth_date', 'spend_date') }} as age_days
    from {{ ref('onchain_coin_flow') }}
) as flow
group by asset, network, spend_date, kind, age_days - mod(age_days, 60)
having count(*) <> bit_count(bit_or(cast(1 as bigint) << cast(mod(age_days, 60) as integer)))
