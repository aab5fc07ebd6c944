-- Grouped by a number instead of three names: 1.4 GB instead of 2.0 over the 12.7 M cells of Bitcoin's history.
with kinds as (
    select
        asset,
        network,
        kind,
        row_number() over (order by asset, network, kind) as kind_number
    from (
        select distinct
            asset,
            network,
            kind
        from {{ ref('stg_bitcoin__coin_flow') }}
    ) as held
),

cells as (
    select
        kinds.kind_number,
        flow.spend_date,
        flow.birth_date,
        sum({{ sats('flow.amount_sats') }}) as amount_sats,
        sum(flow.coins) as coins
    from {{ ref('stg_bitcoin__coin_flow') }} as flow
    inner join kinds on flow.asset = kinds.asset and flow.network = kinds.network and flow.kind = kinds.kind
    group by kinds.kind_number, flow.spend_date, flow.birth_date
)

select
    kinds.asset,
    kinds.network,
    cells.spend_date,
    cells.birth_date,
    kinds.kind,
    {{ native_from_sats('cells.amount_sats') }} as amount_native,
    cast(cells.coins as bigint) as coins
from cells
inner join kinds on cells.kind_number = kinds.kind_number
