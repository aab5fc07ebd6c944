-- question: Reporting: hours from the first figure of a session to the last
-- grain: One row per session.
-- shown: chart 90
-- marts: etf_reporting_latency
-- reading: Until then its total was partial. A long time may be one without captures. Orange: some partial total had
--   the opposite sign of the final one.
-- empty: No session was watched from its first figure to its last: every one was complete when first looked at.

select
    trade_date as session,
    hours_to_complete as hours,
    is_sign_flipped as "sign flipped",
    first_total_usd / 1e6 as "first total, US$ m",
    final_total_usd / 1e6 as "final total, US$ m"
from marts.etf_reporting_latency
where
    asset = 'BTC' and source = 'farside' and hours_to_complete is not null
    and trade_date > (select max(trade_date) from marts.etf_reporting_latency) - interval 90 day
order by session
