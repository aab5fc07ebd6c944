-- question: What did long-term holders sell, by each definition of long-term?
-- grain: One row per day, network, series and definition.
-- shown: example 270
-- marts: onchain_lth_flows_daily

select value_date, network, series, definition_id, spent_native, matured_native, net_change_native, is_final
from marts.onchain_lth_flows_daily
where asset = 'BTC' and value_date between '2025-10-30' and '2025-11-04'
order by value_date, network, definition_id;
