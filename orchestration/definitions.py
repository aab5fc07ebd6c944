"""The code location of one home: assets, jobs, schedules and watch. dbt is not imported before a run needs it."""

from dagster import Definitions

from orchestration import environment, project, schedules
from orchestration.assets import warehouse
from orchestration.home import Home
from orchestration.settings import Settings

home = Home(environment.home_root())
graph = project.load(home)
settings = Settings.read(home.root)

definitions = Definitions(
    assets=[warehouse(graph, settings)],
    jobs=[schedules.refresh, schedules.check_archive],
    schedules=schedules.schedules(home, settings, graph),
    sensors=schedules.sensors(home),
    resources={"home": home},
)
