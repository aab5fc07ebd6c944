-- question: Which printed figures changed afterwards, how long after their first number?
-- grain: One row per change, the newest first.
-- shown: table 75
-- marts: etf_revisions
-- reading: Every change of a figure after its first number. A placeholder is a figure printed before its session closed.
-- empty: No figure changed after it was first printed.

select
    ticker as fund,
    value_date as session,
    metric,
    kind,
    previous_value as before,
    value as after,
    hours_since_first as hours,
    observed_at as seen
from marts.etf_revisions
order by observed_at desc, ticker, value_date, metric
limit 30;
