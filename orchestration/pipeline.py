"""One build: sources, then dbt and publishing where anything is new, which Dagster runs in this process."""

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ingestion.refresh import RefreshResult
from orchestration import sources
from orchestration.errors import BuildFailed
from orchestration.home import Home, IngestMode, Settings
from orchestration.publishing import published
from orchestration.publishing.fingerprint import is_current
from orchestration.sources import Told

SILENT = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""What Dagster would log is said by `told` and `step`, and by the error that ends a build."""


@dataclass(frozen=True)
class Outcome:
    """What a build came to: the published folder, whether it is a new one, and how each source went."""

    folder: Path
    is_new: bool
    readings: tuple[RefreshResult, ...]

    @property
    def failures(self) -> list[str]:
        """One sentence per failure of a source."""
        return [failure for reading in self.readings for failure in reading.failures]


def build(home: Home, gathering: IngestMode, settings: Settings, told: Told, step) -> Outcome:
    """Bring the home up to date and publish it.

    Args:
        told: called with each source's `RefreshResult`.
        step: called with the name, number and count of finished dbt nodes.

    Raises:
        UsageError: the home and the gathering do not fit.
        BuildFailed: the structure broke; what was published stays as it was.
    """
    with home.lock():
        readings = tuple(sources.update_all(home, gathering, told))
        home.write_control()
        if is_current(home):
            return Outcome(published.latest(home), False, readings)
        # Dagster and dbt take 6 s of CPU to import, which a build with nothing new saves.
        from orchestration.assets import publishing
        from orchestration.dbt import models

        # A process that ends soon need not look for cycles: 3 of 25 s of CPU less for 45 of 540 MB more.
        gc.disable()
        try:
            warehouse_models = models(home)
            resources = {"home": home, "settings": settings, "step": step}
            _run([warehouse_models, publishing(warehouse_models)], resources)
        finally:
            gc.enable()
        return Outcome(published.latest(home), True, readings)


def _run(assets: Sequence, resources: dict) -> None:
    """Materialize assets in this process.

    Raises:
        BuildFailed: as raised within the run, or for any other error in it.
    """
    from dagster import materialize

    result = materialize(assets, resources=resources, run_config=SILENT, raise_on_error=False)
    if not result.success:
        error = next(event.step_failure_data.error for event in result.get_step_failure_events())
        cause = error.cause or error
        raise BuildFailed(cause.message.split(": ", 1)[-1].strip())
