-- question: the file of those bytes
-- grain: One row per capture; the parameter is the checksum.
-- shown: report

select filename, url, fetched_at, bytes, origin
from read_json('data/archive/*/*/*.meta.json', filename = true, union_by_name = true)
where sha256 = ?
