"""One build: raw tables, then dbt and publishing where anything is new. Dagster runs them in this process."""

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.refresh import RefreshResult
from orchestration import own_seeds, pipeline
from orchestration.errors import BuildFailed
from orchestration.home import Home
from orchestration.ingest_mode import IngestMode
from orchestration.pipeline import OnSourceDone
from orchestration.publishing import published
from orchestration.publishing.fingerprint import is_current
from orchestration.settings import Settings

if TYPE_CHECKING:
    from dagster import AssetsDefinition

    from orchestration.dbt import OnNodeDone

NO_LOG = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""The callbacks and the error that ends a build say what Dagster would log."""


@dataclass(frozen=True)
class Outcome:
    """The result of a build: the published folder, whether it is new, and each source's result."""

    folder: Path
    is_new: bool
    results: tuple[RefreshResult, ...]

    @property
    def failures(self) -> list[str]:
        """One sentence per failure of a source."""
        return [failure for result in self.results for failure in result.failures]


def build(
    home: Home, mode: IngestMode, settings: Settings, on_source_done: OnSourceDone, on_node_done: "OnNodeDone"
) -> Outcome:
    """Bring the home up to date and publish it.

    Args:
        on_source_done: called with each source's `RefreshResult`.
        on_node_done: called with the name, number and count of finished dbt nodes.

    Raises:
        UsageError: the home and the mode do not fit.
        BuildFailed: a model or a test failed; the published folder is unchanged.
    """
    with home.lock():
        results = tuple(pipeline.update_all(home, mode, on_source_done))
        own_seeds.update(home, settings)
        home.write_control()
        if is_current(home):
            return Outcome(published.warehouse(home).parent, False, results)
        # Importing Dagster and dbt takes 6 s of CPU, which a build with nothing new avoids.
        from orchestration.assets import publishing
        from orchestration.dbt import models

        # A short process need not collect cycles: that saves 3 of 25 s of CPU for 45 of 540 MB.
        gc.disable()
        try:
            warehouse_models = models(home)
            resources = {"home": home, "settings": settings, "on_node_done": on_node_done}
            _run([warehouse_models, publishing(warehouse_models)], resources)
        finally:
            gc.enable()
        return Outcome(published.warehouse(home).parent, True, results)


def _run(assets: "Sequence[AssetsDefinition]", resources: Mapping[str, Any]) -> None:
    """Materialize assets in this process.

    Raises:
        BuildFailed: an asset failed, with the first error's message.
    """
    from dagster import materialize

    result = materialize(assets, resources=resources, run_config=NO_LOG, raise_on_error=False)
    if not result.success:
        errors = (event.step_failure_data.error for event in result.get_step_failure_events())
        error = next(error for error in errors if error)
        raise BuildFailed((error.cause or error).message.split(": ", 1)[-1].strip())
