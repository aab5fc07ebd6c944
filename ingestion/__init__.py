"""From a publisher's bytes or a node's records to typed Parquet; knows nothing of Dagster or dbt."""
