{{ config(materialized='view') }}

select
    network,
    address,
    entity,
    kind
from {{ ref('entities') }}
where label_verdict = 'in_use'
union all
select
    network,
    address,
    entity,
    kind
from {{ ref('stg_own_seeds__entities') }}
where label_verdict = 'in_use'
