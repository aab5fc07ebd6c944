-- question: From a figure to its bytes
-- grain: One row per session and value that a figure had.
-- shown: report
-- marts: etf_observations
-- reading: The first query finds a publisher's figure as printed, and the checksum of the file it is from; the second
--   finds that file in the archive, here for the first row. Change the ticker or add a date for another figure.
-- empty: No figure about IBIT is stored.

select value_date, raw_text, value, observed_at, archive_sha256
from marts.etf_observations
where source = 'farside' and ticker = 'IBIT' and metric = 'net_flow_usd'
order by value_date desc, observed_at desc
limit 5
