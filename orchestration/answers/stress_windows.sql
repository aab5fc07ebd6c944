-- question: Stress: what markets, funds and holders did over one window
-- grain: One row per crash.
-- shown: report
-- marts: macro_events
-- reading: All lines share one axis of time in UTC; the days of a crash are shaded. A figure of a day stands over that
--   day, a level at its moment. Beside a line stand the articles’ sentences that it decides.
-- empty: No crash is named: the seed calendar_events has those of 2025.

select
    start_date as "first day",
    end_date as "last day",
    title as crash
from marts.macro_events
where kind = 'market_crash' and end_date is not null
order by start_date
