with numbered as (
    select
        cast('2009-01-03' as date) as first_date,
        {{ each_from_zero(19999) }} as day_number
)

select {{ add_days('first_date', 'day_number') }} as calendar_date
from numbered
