select
    session_date,
    opens_at,
    closes_at,
    previous_session_date,
    next_session_date,
    {{ week_start('session_date') }} as week_start_date
from {{ raw('nyse', 'sessions') }}
