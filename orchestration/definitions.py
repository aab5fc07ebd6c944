"""Dagster's code location of one home: its assets, jobs and schedules. dbt is not imported before a run needs it."""

from dagster import Definitions

from orchestration import environment, project
from orchestration.assets import warehouse
from orchestration.home import Home
from orchestration.schedules import after_us_close, refresh

home = Home(environment.home_root())

definitions = Definitions(
    assets=[warehouse(project.load(home))],
    jobs=[refresh],
    schedules=[after_us_close],
    resources={"home": home},
)
