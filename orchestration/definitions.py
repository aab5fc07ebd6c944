"""Dagster's code location: sources, dbt models, the published folder, one job, one schedule."""

from dagster import Definitions

from orchestration import dbt, environment, pipeline
from orchestration.assets import publishing, raw_tables
from orchestration.home import Home
from orchestration.ingest_mode import Held, Live
from orchestration.schedules import after_us_close, refresh
from orchestration.settings import Settings

home = Home(environment.home_root())
settings = Settings.read(home.root)
warehouse_models = dbt.models(home)

definitions = Definitions(
    assets=[*raw_tables(), warehouse_models, publishing(warehouse_models)],
    jobs=[refresh],
    schedules=[after_us_close],
    resources={
        "home": home,
        "settings": settings,
        "mode": Live(settings.publishers.contact) if settings.publishers.mode == "live" else Held(),
        "on_source_done": pipeline.no_op,
        "on_node_done": dbt.no_op,
    },
)
