-- question: Reporting: hours from the first figure of a session to the last
-- grain: One row per session.
-- shown: chart 140
-- marts: etf_reporting_latency
-- reading: Until then its total was partial. A long time may be one without captures. Orange: some partial total had
--   the opposite sign of the final one.
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
    latency.trade_date as session,
    case when not is_sign_flipped then hours_to_complete end as hours,
    case when is_sign_flipped then hours_to_complete end as "hours, sign flipped"
from marts.etf_reporting_latency as latency
inner join sources on latency.asset = sources.asset and latency.source = sources.source and sources.place = 1
where latency.asset = 'BTC' and latency.hours_to_complete is not null
order by session
