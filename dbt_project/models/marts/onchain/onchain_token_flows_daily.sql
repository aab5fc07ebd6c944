-- Transfers within an entity are not flows.
with moves as (
    select
        transfers.network,
        transfers.token,
        transfers.value_date,
        case
            when transfers.from_address = {{ zero_address() }} then 'mint'
            else coalesce(senders.kind, 'other')
        end as from_kind,
        case
            when transfers.to_address = {{ zero_address() }} then 'burn'
            else coalesce(receivers.kind, 'other')
        end as to_kind,
        {{ bounded_units('transfers.amount_units') }} as amount_units
    from {{ ref('stg_evm__transfers') }} as transfers
    left join {{ ref('int_tokens__entities') }} as senders
        on transfers.from_address = senders.address and transfers.network = senders.network
    left join {{ ref('int_tokens__entities') }} as receivers
        on transfers.to_address = receivers.address and transfers.network = receivers.network
    where
        (transfers.is_overflow or transfers.amount_units > 0)
        and coalesce(senders.entity, transfers.from_address) <> coalesce(receivers.entity, transfers.to_address)
),

sums as (
    select
        network,
        token,
        value_date,
        from_kind,
        to_kind,
        count(*) as transfers,
        {{ sum_if_all_known('amount_units', '*') }} as amount_units
    from moves
    group by network, token, value_date, from_kind, to_kind
)

select
    tokens.asset,
    sums.network,
    sums.value_date,
    sums.from_kind,
    sums.to_kind,
    sums.transfers,
    case
        when sums.amount_units < {{ too_many_units() }}
            then {{ native_from_units('sums.amount_units', 'tokens.decimals') }}
    end as amount_native,
    sums.value_date <= coalesce(covered.settled_date, cast('1970-01-01' as date)) as is_final
from sums
inner join {{ ref('int_tokens__listed') }} as tokens on sums.network = tokens.network and sums.token = tokens.address
left join ({{ token_coverage() }}) as covered on sums.network = covered.network and sums.token = covered.token
