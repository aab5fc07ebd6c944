-- question: From a figure to its bytes
-- grain: One row per session and value that a figure had.
-- shown: report
-- marts: etf_observations
-- reading: The first query finds a publisher's figure as printed, and the checksum of the file it is from; the second
--   finds that file in the archive, here for the first row. Change the ticker or add a date for another figure.
-- empty: No figure about IBIT is stored.

-- a printed flow; where nobody printed one, what its flow is counted from
with metrics as (
    select metric
    from marts.etf_observations
    where ticker = 'IBIT'
    group by metric
    order by metric <> 'net_flow_usd', metric <> 'shares_outstanding', metric
    limit 1
)

select value_date, raw_text, value, observed_at, archive_sha256
from marts.etf_observations
where ticker = 'IBIT' and metric = (select metric from metrics)
order by value_date desc, observed_at desc, source
limit 5
