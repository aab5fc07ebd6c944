{{ config(materialized='view') }}

select
    network,
    address,
    protocol,
    'project' as provenance
from {{ ref('contracts') }}
union all
select
    network,
    address,
    protocol,
    'own' as provenance
from {{ ref('stg_own_seeds__contracts') }}
