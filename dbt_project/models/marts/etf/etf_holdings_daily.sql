{%- set relations = {
    'observations': ref('etf_observations'),
    'filings': ref('etf_filings'),
    'funds': ref('funds'),
} -%}

with {{ holdings_ctes(relations, none) }}

select
    asset,
    ticker,
    as_of_date,
    'issuer' as source,
    shares_outstanding,
    nav_usd,
    native_per_share,
    {{ native('shares_outstanding * native_per_share') }} as native_held
from holdings
