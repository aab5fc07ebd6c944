"""The code location of one home: assets, jobs, schedules and watch. dbt is not imported before a run needs it."""

from dagster import Definitions

from orchestration import environment, project, schedules
from orchestration.assets import warehouse
from orchestration.home import Home
from orchestration.partitions import histories
from orchestration.settings import Settings

root = environment.home_root()
settings = Settings.read(root)
home = Home(root, lock_wait_seconds=settings.lock_wait_seconds, lake_url=settings.lake.url)
graph = project.load(home)

definitions = Definitions(
    assets=[warehouse(graph, settings), *histories(settings)],
    jobs=[schedules.refresh, schedules.check_archive],
    schedules=schedules.schedules(home, settings, graph),
    sensors=schedules.sensors(home),
    resources={"home": home},
)
