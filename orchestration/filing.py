"""Events of the pipeline as Dagster's, and the spool filed into the home's instance."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    DagsterInstance,
)

from orchestration import spool
from orchestration.home import Home
from orchestration.outcome import COPIED, IN_TIME, READ, Event

DATA_VERSION_TAG = "dagster/data_version"

Filed = AssetMaterialization | AssetObservation | AssetCheckEvaluation


def to_dagster(event: Event) -> Filed:
    """An event of an asset as Dagster files it without a run."""
    key = AssetKey(event.asset.split("/"))
    if event.kind == "check":
        return AssetCheckEvaluation(
            asset_key=key,
            check_name=event.check,
            passed=event.passed,
            metadata=dict(event.metadata),
            severity=severity(event),
        )
    if event.kind == "observation":
        return AssetObservation(asset_key=key, metadata=dict(event.metadata))
    tags = {DATA_VERSION_TAG: event.data_version} if event.data_version else None
    return AssetMaterialization(asset_key=key, metadata=dict(event.metadata), tags=tags)


def severity(event: Event) -> AssetCheckSeverity:
    """A source that fails or is late, and a copy, stop nothing and warn; a test of a model stops the build."""
    return AssetCheckSeverity.WARN if event.check in (READ, IN_TIME, COPIED) else AssetCheckSeverity.ERROR


def file_spool(home: Home, instance: DagsterInstance) -> int:
    """File the events that runs of the command line left; returns how many there were."""
    return sum(file_events(instance, events, at, "command line") for at, events in spool.take(home))


def file_events(instance: DagsterInstance, events: Sequence[Event], at: datetime, by: str) -> int:
    """File events that belong to no run; returns how many there were.

    Args:
        at: when they happened, UTC without zone.
        by: who says so.
    """
    for event in events:
        metadata = {**event.metadata, "at": f"{at.isoformat()}Z", "by": by}
        instance.report_runless_asset_event(to_dagster(replace(event, metadata=metadata)))
    return len(events)
