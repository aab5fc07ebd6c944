"""Dagster's storages of a home: connections are kept, few and not for ever, and nothing that was stored is lost."""

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from dagster import AssetKey, AssetObservation, DagsterInstance, asset
from dagster import materialize as run

from orchestration import dagster_state, instance
from orchestration.home import Home


@asset
def flows() -> None:
    """Nothing."""


def observe(opened: DagsterInstance, times: int) -> None:
    for number in range(times):
        opened.report_runless_asset_event(AssetObservation(asset_key="flows", metadata={"number": number}))


def observations(opened: DagsterInstance) -> int:
    return len(opened.fetch_observations(AssetKey("flows"), limit=1_000).records)


def open_files(folder: Path) -> list[str]:
    """What this process has open of a folder, also what was removed."""
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("only Linux says which files a process has open")
    targets = (os.readlink(link) for link in descriptors.iterdir() if link.is_symlink())
    return [target for target in targets if target.startswith(str(folder))]


def test_events_share_their_connections(tmp_path, monkeypatch):
    engines = []
    create = dagster_state.create_engine
    monkeypatch.setattr(dagster_state, "create_engine", lambda *args, **kw: engines.append(args) or create(*args, **kw))
    with instance.open_instance(Home(tmp_path)) as opened:
        observe(opened, 2)
        before = len(engines)
        observe(opened, 50)
        for _ in range(20):
            opened.get_runs()
        assert len(engines) == before
        run([flows], instance=opened)
        assert len(engines) == before + 1  # the run's own file


def test_files_of_runs_do_not_stay_open(tmp_path, monkeypatch):
    monkeypatch.setattr(dagster_state, "KEEP_OPEN", 2)
    home = Home(tmp_path)
    with instance.open_instance(home) as opened:
        for _ in range(5):
            run([flows], instance=opened)
        instance.remove_old_runs(opened, keep=1)
        files = {Path(name).name.partition(".db")[0] for name in open_files(tmp_path) if "history/runs/" in name}
        assert len(files - {"index", ""}) <= 2
    assert open_files(tmp_path) == []


def test_threads_and_instances_that_store_at_once_lose_nothing(tmp_path):
    home = Home(tmp_path)
    with instance.open_instance(home) as one, instance.open_instance(home) as other, ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(observe, opened, 25) for opened in (one, other, one, other)]:
            done.result()
        assert observations(one) == observations(other) == 100


def test_what_dagsters_own_storage_kept_is_read_on(tmp_path):
    home = Home(tmp_path)
    folder = instance.configure(home)
    written = (folder / "dagster.yaml").read_text()
    plain = "".join(line for line in written.splitlines(keepends=True) if "dagster_state" not in line)
    (folder / "dagster.yaml").write_text(plain)
    with DagsterInstance.from_config(str(folder)) as older:
        assert type(older.event_log_storage).__name__ == "SqliteEventLogStorage"
        before = run([flows], instance=older).run_id
        observe(older, 3)
    with instance.open_instance(home) as opened:
        assert isinstance(opened.event_log_storage, dagster_state.EventLog)
        assert [each.run_id for each in opened.get_runs()] == [before]
        assert len(opened.all_logs(before)) > 3
        assert observations(opened) == 3


def test_events_that_are_wiped_are_gone_and_others_are_stored_again(tmp_path):
    with instance.open_instance(Home(tmp_path)) as opened:
        run_id = run([flows], instance=opened).run_id
        opened.event_log_storage.wipe()
        assert opened.all_logs(run_id) == []
        opened.report_engine_event("again", run_id=run_id, job_name="job")
        with sqlite3.connect(tmp_path / f"build/dagster/history/runs/{run_id}.db") as con:
            assert con.execute("select count(*) from event_logs").fetchone() == (1,)


def test_threads_take_turns(tmp_path):
    with instance.open_instance(Home(tmp_path)) as opened, ThreadPoolExecutor(1) as other:
        log = opened.event_log_storage
        with log.index_connection():
            waiting = other.submit(log.has_asset_key_index_cols)
            with pytest.raises(TimeoutError):
                waiting.result(0.5)
        assert waiting.result(30)


def test_a_home_may_have_any_name(tmp_path):
    home = Home(tmp_path / 'a "home" of $folder: {é}')
    with instance.open_instance(home) as opened:
        observe(opened, 1)
    assert (home.root / "build/dagster/history/runs/index.db").exists()
