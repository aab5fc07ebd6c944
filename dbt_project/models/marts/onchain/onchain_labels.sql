select
    network,
    address,
    entity as label,
    kind,
    licence,
    source,
    since_date,
    label_verdict,
    'project' as origin
from {{ ref('entities') }}
union all
select
    network,
    address,
    entity as label,
    kind,
    licence,
    source,
    since_date,
    label_verdict,
    origin
from {{ ref('stg_own_seeds__entities') }}
union all
select
    network,
    address,
    ticker as label,
    'fund' as kind,
    licence,
    provenance as source,
    cast(null as date) as since_date,
    label_verdict,
    'project' as origin
from {{ ref('fund_addresses') }}
union all
select
    network,
    address,
    ticker as label,
    'fund' as kind,
    licence,
    source,
    cast(null as date) as since_date,
    label_verdict,
    'own' as origin
from {{ ref('stg_own_seeds__fund_addresses') }}
