{{ config(materialized='view') }}

select
    network,
    address,
    asset,
    decimals,
    kind,
    first_block,
    supply_events,
    'project' as provenance
from {{ ref('tokens') }}
union all
select
    network,
    address,
    asset,
    decimals,
    kind,
    first_block,
    supply_events,
    'own' as provenance
from {{ ref('stg_own_seeds__tokens') }}
