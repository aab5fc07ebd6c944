-- question: First print against final: total of a session, US$ m
-- grain: One row per asset and session.
-- shown: chart 130
-- marts: etf_reporting_latency
-- reading: Grey is the total over the funds that had reported when the session was first seen, dark the final one: what
--   a reader of the first print would have missed.
-- empty: No session was watched from its first figure to its last: every one was complete when first looked at.

select
    asset,
    trade_date as session,
    first_total_usd / 1e6 as "first print",
    final_total_usd / 1e6 as "final"
from marts.etf_reporting_latency
where source = 'farside' and hours_to_complete is not null
order by asset <> 'BTC', asset, session
