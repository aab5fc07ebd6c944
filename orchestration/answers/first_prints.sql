-- question: First print against final: total of a session, US$ m
-- grain: One row per asset and session.
-- shown: chart 130
-- marts: etf_reporting_latency
-- reading: Grey is the total over the funds that had reported when the session was first seen, dark the final one: what
--   a reader of the first print would have missed.
-- empty: No session was watched from its first figure to its last: every one was complete when first looked at.

-- the source that was watched most
with sources as (
    select
        asset,
        source,
        row_number() over (partition by asset order by count(hours_to_complete) desc, source) as place
    from marts.etf_reporting_latency
    group by asset, source
)

select
    latency.asset,
    trade_date as session,
    first_total_usd / 1e6 as "first print",
    final_total_usd / 1e6 as "final"
from marts.etf_reporting_latency as latency
inner join sources on latency.asset = sources.asset and latency.source = sources.source and sources.place = 1
where latency.hours_to_complete is not null
order by latency.asset <> 'BTC', latency.asset, session
