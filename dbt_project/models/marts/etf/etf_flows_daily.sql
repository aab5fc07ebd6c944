{{ etf_flows_daily_sql(flow_relations(ref('int_market__price_observations'))) }}
