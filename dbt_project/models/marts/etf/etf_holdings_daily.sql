select
    asset,
    ticker,
    as_of_date,
    'issuer' as source,
    shares_outstanding,
    nav_usd,
    native_per_share,
    {{ native('shares_outstanding * native_per_share') }} as native_held
from {{ ref('int_etf__share_counts') }}
