{{ config(materialized='table_macro', schema='marts', parameter='ts') }}

-- The daily flows as they were known at ts (UTC, without zone).
{{ etf_flows_daily_sql(flow_relations(ref('market_observations')), 'cast(ts as timestamp)') }}
