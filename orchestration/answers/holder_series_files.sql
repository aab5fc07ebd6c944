-- question: the files of published series of holders, in one step
-- grain: One row per capture.
-- shown: report

select filename, url, fetched_at, bytes, origin
from read_json('data/archive/*/*/*.meta.json', filename = true, union_by_name = true)
where source = 'holder_series'
order by fetched_at desc
