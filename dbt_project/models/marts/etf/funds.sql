select
    ticker,
    asset,
    issuer,
    name,
    inception_date,
    first_flow_date,
    last_flow_date,
    fee_bps,
    share_date_convention,
    creation_unit,
    cik,
    note,
    source_url
from {{ ref('facts_funds') }}
