"""The job and its schedule."""

from dagster import (
    AssetSelection,
    DefaultScheduleStatus,
    ScheduleDefinition,
    define_asset_job,
    in_process_executor,
)

refresh = define_asset_job("refresh", AssetSelection.all(), executor_def=in_process_executor)

# Funds report through the New York night; the last one is usually in by 05:00 UTC.
after_us_close = ScheduleDefinition(
    name="after_us_close",
    job=refresh,
    cron_schedule="30 5,9,14 * * 2-6",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
)
