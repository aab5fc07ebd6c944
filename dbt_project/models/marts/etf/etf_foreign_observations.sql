with observations as (
    select
        *,
        'hong_kong' as archive_source
    from {{ ref('stg_hong_kong__fund_flows') }}
    union all
    select
        *,
        'coinglass_hk' as archive_source
    from {{ ref('stg_coinglass_hk__fund_flows') }}
)

select
    observations.source,
    funds.asset,
    observations.ticker,
    observations.value_date,
    observations.metric,
    observations.observed_at,
    observations.raw_text,
    observations.value,
    observations.archive_sha256,
    observations.archive_source
from observations
inner join {{ ref('foreign_funds') }} as funds on observations.ticker = funds.ticker
