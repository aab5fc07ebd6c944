"""Dagster's state of a home: no telemetry, few bytes after many rounds, and no run that looks alive and is not."""

import sqlite3
from pathlib import Path

import pytest
from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetKey,
    AssetObservation,
    DagsterRunStatus,
    Definitions,
    MaterializeResult,
    asset,
    define_asset_job,
    in_process_executor,
)

from orchestration import instance as state
from orchestration.home import Home

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def table(name: str):
    @asset(name=name, check_specs=[AssetCheckSpec("in_time", asset=name)])
    def materialized() -> MaterializeResult:
        return MaterializeResult(check_results=[AssetCheckResult(passed=True)])

    return materialized


JOBS = Definitions(
    assets=[table("often"), table("once")],
    jobs=[define_asset_job(f"run_{name}", name, executor_def=in_process_executor) for name in ("often", "once")],
)


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def instance(home):
    with state.open_instance(home) as opened:
        yield opened


def round_of(instance, name: str) -> str:
    """A run of a job, and what a round that found nothing new says of its asset without a run; the run's id."""
    run = JOBS.resolve_job_def(f"run_{name}").execute_in_process(instance=instance, run_config=QUIET)
    instance.report_runless_asset_event(AssetObservation(asset_key=name, metadata={"note": "nothing new"}))
    return run.run_id


def rows(home: Home, shard: str, table: str) -> int:
    with sqlite3.connect(home.root / f"build/dagster/history/runs/{shard}.db") as con:
        return con.execute(f"select count(*) from {table}").fetchone()[0]


def test_an_instance_sends_no_telemetry_and_keeps_no_output(home, instance):
    assert not instance.telemetry_enabled
    assert type(instance.compute_log_manager).__name__ == "NoOpComputeLogManager"
    assert instance.root_directory == str(home.root / "build/dagster")


def test_processes_of_a_home_are_told_where_its_state_is(home, monkeypatch):
    monkeypatch.setenv("FLOWHOUSE_MODE", "held")
    environment = state.child_environment(home)
    assert (Path(environment["DAGSTER_HOME"]) / "dagster.yaml").exists()
    assert environment["FLOWHOUSE_HOME"] == str(home.root)
    assert (environment["FLOWHOUSE_MODE"], state.child_environment(home, "live")["FLOWHOUSE_MODE"]) == ("held", "live")


def test_rounds_leave_no_more_than_is_kept(home, instance, monkeypatch):
    monkeypatch.setattr(state, "KEEP_EVENTS", 2)
    once = round_of(instance, "once")
    sizes = []
    for _ in range(2):
        latest = [round_of(instance, "often") for _ in range(6)]
        state.remove_old_runs(instance, 3)
        sizes.append([rows(home, *where) for where in (("index", "event_logs"), ("", "event_logs"))])
        sizes[-1].append(rows(home, "index", "asset_check_executions"))
    assert sizes[0] == sizes[1]
    kept = {once, *latest[-3:]}
    assert {run.run_id for run in instance.get_runs()} == kept
    shards = {file.stem for file in (home.root / "build/dagster/history/runs").glob("*.db")}
    assert shards == {*kept, "index", ".db"}


def test_the_ui_still_knows_when_an_asset_was_materialized_and_checked(instance):
    once = round_of(instance, "once")
    for _ in range(4):
        round_of(instance, "often")
    assert state.remove_old_runs(instance, 2) == 2
    assert instance.get_latest_materialization_event(AssetKey("once")).run_id == once
    (record,) = instance.get_asset_records([AssetKey("once")])
    assert record.asset_entry.last_materialization.run_id == once
    assert len([event for event in instance.all_logs(once) if event.dagster_event]) > 5


def test_failed_runs_are_kept_beside_the_newest(instance):
    interrupted = JOBS.resolve_job_def("run_often")
    failed = instance.create_run_for_job(interrupted, status=DagsterRunStatus.STARTED)
    assert state.end_interrupted_runs(instance) == 1
    assert instance.get_run_by_id(failed.run_id).status == DagsterRunStatus.FAILURE
    for _ in range(3):
        round_of(instance, "often")
    state.remove_old_runs(instance, 2)
    assert instance.get_run_by_id(failed.run_id) is not None


def test_a_run_that_has_not_started_stays(instance):
    waiting = instance.create_run_for_job(JOBS.resolve_job_def("run_often"), status=DagsterRunStatus.NOT_STARTED)
    assert state.end_interrupted_runs(instance) == 0
    assert state.remove_old_runs(instance, 0) == 0
    assert instance.get_run_by_id(waiting.run_id).status == DagsterRunStatus.NOT_STARTED
