"""Dagster's own state of a home: its configuration, its storage, and what is kept of past runs."""

import json
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from filelock import FileLock

from ingestion import durable
from orchestration import environment
from orchestration.home import Home

if TYPE_CHECKING:
    from dagster import DagsterInstance

CONFIGURATION = """\
# written by flowhouse, which overwrites it
telemetry: {enabled: false}
nux: {enabled: false}
# Captured output costs four processes a step and a file each for ever; a run's events say what happened.
compute_logs: {module: dagster._core.storage.noop_compute_log_manager, class: NoOpComputeLogManager}
# A chain that is read for hours, or its history in ranges, must not keep the funds waiting.
concurrency: {runs: {max_concurrent_runs: 5, tag_concurrency_limits: [{key: dagster/partition, limit: 2}]}}
event_log_storage: {module: orchestration.dagster_state, class: EventLog, config: {base_dir: "$folder/history/runs"}}
run_storage: {module: orchestration.dagster_state, class: Runs, config: {base_dir: "$folder/history"}}
run_monitoring: {enabled: true, start_timeout_seconds: 180, cancel_timeout_seconds: 30}
retention:
  schedule: {purge_after_days: {skipped: 2, started: 7, success: 7, failure: 30}}
  sensor: {purge_after_days: {skipped: 1, started: 7, success: 7, failure: 30}}
"""
KEEP_EVENTS = 5
"""Events per asset, or evaluations per check, that outlive the run they are from, or that had none."""
KEEP_FAILED = 5
"""Failed runs that are kept beside the newest ones."""
BUSY_SECONDS = 60


def configure(home: Home) -> Path:
    """Write Dagster's configuration, before anything opens the instance; returns the folder of its state.

    Without the file an instance has telemetry on.
    """
    folder = home.root / "build" / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "dagster.yaml"
    quoted = json.dumps(str(folder.resolve()), ensure_ascii=False)
    configuration = Template(CONFIGURATION).substitute(folder=quoted[1:-1]).encode()
    if not file.exists() or file.read_bytes() != configuration:
        durable.write({file: configuration})
    return folder


def child_environment(home: Home, mode: str | None = None) -> dict[str, str]:
    """The environment of Dagster's processes for this home.

    Args:
        mode: live or held, above what the home's settings say; None for what they say.
    """
    own = {"DAGSTER_HOME": str(configure(home)), "FLOWHOUSE_HOME": str(home.root)}
    return environment.with_variables(own | ({"FLOWHOUSE_MODE": mode} if mode else {}))


@contextmanager
def open_instance(home: Home) -> "Iterator[DagsterInstance]":
    """The home's instance, whose state is on disk; needs no variable of the environment."""
    from dagster import DagsterInstance

    folder = configure(home)
    # Two processes that create its databases at once leave them unreadable for ever: "more than one head present".
    with FileLock(folder / "open.lock"):
        instance = DagsterInstance.from_config(str(folder))
    with instance:
        yield instance


def end_interrupted_runs(instance: "DagsterInstance") -> int:
    """Mark runs of processes that are gone as failed; returns how many.

    Call it while nothing of this home runs under Dagster: a queued run is left in the queue.
    """
    from dagster import DagsterRunStatus, RunsFilter

    statuses = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    runs = instance.get_runs(RunsFilter(statuses=statuses))
    for run in runs:
        instance.report_run_failed(run, "Interrupted: the process of this run has ended.")
    return len(runs)


def remove_old_runs(instance: "DagsterInstance", keep: int) -> int:
    """Delete what nobody will look at again: a run leaves up to 0.9 MB, and an event 1 kB, for ever.

    The newest runs stay, as do the newest failed ones, and each run that an asset was last materialized by: the page of
    an asset links to it.

    Args:
        keep: number of finished runs.

    Returns:
        The number of runs deleted.
    """
    finished = [run for run in instance.get_runs() if run.is_finished]  # newest first
    failed = [run for run in finished if not run.is_success]
    kept = {run.run_id for run in [*finished[:keep], *failed[:KEEP_FAILED]]} | _last_materialized_by(instance)
    old = [run for run in finished if run.run_id not in kept]
    for run in old:
        instance.delete_run(run.run_id)
    shards = Path(instance.root_directory) / "history" / "runs"
    files = list(shards.glob("*.db*"))  # before the runs: one that starts now has its row first, and then its file
    _remove_orphans(shards, files, {run.run_id for run in instance.get_runs()})
    return len(old)


def _last_materialized_by(instance: "DagsterInstance") -> set[str]:
    events = (record.asset_entry.last_materialization for record in instance.get_asset_records())
    return {event.run_id for event in events if event}


def _remove_orphans(shards: Path, files: Collection[Path], runs: Collection[str]) -> None:
    """Remove files and rows of runs that are gone, and events without a run but for the newest of each asset.

    Dagster leaves the file of a deleted run, whose rows alone it deletes, the evaluations of its checks, and events
    that had no run. SQLite reuses the room of deleted rows.
    """
    for file in files:
        run = file.name.partition(".db")[0]
        if run and run != "index" and run not in runs:
            file.unlink(missing_ok=True)
    with closing(sqlite3.connect(shards / "index.db", BUSY_SECONDS)) as con, con:
        con.execute("create temp table kept (run_id text primary key)")
        con.executemany("insert into kept values (?)", [(run,) for run in runs])
        con.execute(_delete_but_newest("event_logs", "asset_key, dagster_event_type"))
        con.execute("delete from asset_event_tags where event_id not in (select id from event_logs)")
        con.execute(_delete_but_newest("asset_check_executions", "asset_key, check_name"))
    runless = shards / ".db"
    if runless.exists():
        with closing(sqlite3.connect(runless, BUSY_SECONDS)) as con, con:
            con.execute("create temp table kept (run_id text primary key)")
            con.execute(_delete_but_newest("event_logs", "asset_key, dagster_event_type"))


def _delete_but_newest(table: str, group: str) -> str:
    return f"""
        delete from {table} where id in (
            select id from (
                select id, row_number() over (partition by {group} order by id desc) as age
                from {table} where run_id is null or run_id not in (select run_id from kept)
            ) where age > {KEEP_EVENTS}
        )
    """
