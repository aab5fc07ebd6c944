"""The whole code location: sources, dbt models, the published folder, one job, one schedule."""

from dagster import (
    AssetSelection,
    DefaultScheduleStatus,
    Definitions,
    ScheduleDefinition,
    define_asset_job,
    in_process_executor,
)

from orchestration.assets import publishing, raw_tables
from orchestration.dbt import models, silent
from orchestration.home import Home, IngestMode, Settings
from orchestration.sources import unheard

settings = Settings.read()
home = Home(settings.home)

everything = define_asset_job("everything", AssetSelection.all(), executor_def=in_process_executor)

# Funds report through the New York night; the last one is usually in by 05:00 UTC.
mornings = ScheduleDefinition(
    name="mornings_after_sessions",
    job=everything,
    cron_schedule="30 5,9,14 * * 2-6",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
)

warehouse_models = models(home)

definitions = Definitions(
    assets=[*raw_tables, warehouse_models, publishing(warehouse_models)],
    jobs=[everything],
    schedules=[mornings],
    resources={
        "home": home,
        "settings": settings,
        "gathering": IngestMode(settings.mode, contact=settings.contact),
        "told": unheard,
        "step": silent,
    },
)
