"""When and in which order: Dagster assets over ingestion and dbt, publishing, and the command line."""
