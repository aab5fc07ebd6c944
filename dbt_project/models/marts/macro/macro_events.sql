select
    kind,
    start_date,
    end_date,
    title,
    target_low_pct,
    target_high_pct,
    source_url
from {{ ref('calendar_events') }}
