select
    session_date,
    week_start_date,
    previous_session_date,
    next_session_date,
    opens_at,
    closes_at
from {{ ref('stg_nyse__sessions') }}
