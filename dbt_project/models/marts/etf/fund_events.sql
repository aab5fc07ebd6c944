select
    ticker,
    event_date,
    kind,
    ratio,
    {{ native('native_amount') }} as native_amount,
    note,
    source_url
from {{ ref('facts_fund_events') }}
