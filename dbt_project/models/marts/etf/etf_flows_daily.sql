{{ config(post_hook="{{ create_etf_flows_daily_as_of() }}") }}

{{ etf_flows_daily_sql(published_relations()) }}
