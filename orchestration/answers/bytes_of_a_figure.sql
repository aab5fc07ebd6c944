-- question: Which bytes is a figure from? The checksum is that of a file in `data/archive/`, named in its `.meta.json`.
-- grain: One row per value the figure had.
-- shown: example 260
-- marts: etf_observations

select value_date, raw_text, value, observed_at, archive_sha256
from marts.etf_observations
where ticker = 'IBIT' and metric = 'net_flow_usd' and value_date = '2025-11-04';
