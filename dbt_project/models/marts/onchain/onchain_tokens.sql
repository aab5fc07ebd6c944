with stored as (
    select
        network,
        token,
        min(value_date) as first_date,
        max(value_date) as last_transfer_date,
        count(*) <> count(case when amount_units < {{ too_many_units() }} then 1 end) as has_large_amounts
    from {{ ref('stg_evm__transfers') }}
    group by network, token
),

issued as (
    select
        token_number,
        value_date,
        sum(case kind when 'mint' then amount_units when 'burn' then -amount_units else 0 end) as issued_units,
        count(case when birth_date is null then 1 end) as unmatched
    from {{ ref('int_tokens__lots') }}
    where kind in ('mint', 'burn') or (birth_date is null and kind = 'transfer')
    group by token_number, value_date
),

sums as (
    select
        token_number,
        max(supply_units) as supply_units,
        sum(unmatched) as unmatched
    from (
        select
            *,
            sum(issued_units) over (partition by token_number order by value_date) as supply_units
        from issued
    ) as running
    group by token_number
),

reconciled as (
    select
        *,
        row_number() over (partition by network, token order by value_date desc) as newest_first
    from {{ ref('stg_evm__supplies') }}
),

judged as (
    select
        tokens.asset,
        tokens.network,
        tokens.address,
        tokens.kind,
        tokens.decimals,
        tokens.provenance,
        stored.first_date,
        coalesce(covered.last_date, stored.last_transfer_date) as last_date,
        covered.settled_date,
        case
            when covered.token is null then 'its transfers are not held from the first block on without a gap'
            when stored.has_large_amounts or sums.supply_units >= {{ too_many_units() }}
                then 'its amounts are too large to be summed exactly'
            when sums.unmatched > 0 then 'somebody sent more of it than was received'
            when not reconciled.is_reconciled then 'its transfers do not add up to its supply'
            when tokens.first_block is null and reconciled.is_reconciled is null
                then 'nothing says that its first transfers are held'
        end as unmatched_because
    from {{ ref('int_tokens__listed') }} as tokens
    inner join stored on tokens.network = stored.network and tokens.address = stored.token
    left join ({{ covered_tokens() }}) as covered
        on tokens.network = covered.network and tokens.address = covered.token
    left join sums on {{ number_of('tokens.network, tokens.address') }} = sums.token_number
    left join reconciled
        on
            tokens.network = reconciled.network
            and tokens.address = reconciled.token
            and reconciled.newest_first = 1
)

select
    asset,
    network,
    address,
    kind,
    decimals,
    first_date,
    last_date,
    settled_date,
    unmatched_because is null as is_matched,
    unmatched_because,
    provenance
from judged
