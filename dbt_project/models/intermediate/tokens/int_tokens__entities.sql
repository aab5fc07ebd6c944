{{ config(materialized='view') }}

select
    network,
    address,
    entity,
    kind
from {{ ref('entities') }}
union all
select
    network,
    address,
    entity,
    kind
from {{ ref('stg_own_seeds__entities') }}
