"""The code location as Dagster loads it, and its one job."""

import importlib
import json
import os
import shutil
from dataclasses import replace

import pytest
from dagster import (
    AssetCheckKey,
    AssetCheckSeverity,
    AssetKey,
    AssetSelection,
    Definitions,
    define_asset_job,
    in_process_executor,
)
from lake_changes import drop_row

from orchestration import filing, gather, graph, inputs, instance, pipeline, project
from orchestration.errors import BuildFailed
from orchestration.graph import NodeOutcome
from orchestration.home import DBT_PROJECT, Home
from orchestration.outcome import READ
from orchestration.publishing import published


@pytest.fixture(scope="module")
def location(sample_home, tmp_path_factory):
    """The module of the definitions, for a copy of the sample's home."""
    root = shutil.copytree(sample_home, tmp_path_factory.mktemp("served") / "home", symlinks=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "FLOWHOUSE_HOME", str(root))
        yield importlib.import_module("orchestration.definitions")


def test_assets_are_keyed_as_the_raw_tables_and_the_marts(location):
    keys = location.definitions.resolve_asset_graph().get_all_asset_keys()
    assert {AssetKey(["farside", "flows"]), AssetKey(["nyse", "sessions"]), AssetKey(["published"])} <= keys
    marts = {AssetKey(["marts", path.stem]) for path in (DBT_PROJECT / "models/marts").rglob("*.sql")}
    assert marts <= keys


def test_every_model_follows_from_the_sources_and_all_is_published_last(location):
    graph = location.definitions.resolve_asset_graph()
    assert AssetKey(["farside", "flows"]) in graph.get(AssetKey(["staging", "stg_farside__flows"])).parent_keys
    published = graph.get(AssetKey(["published"]))
    assert AssetKey(["marts", "etf_flows_weekly"]) in published.parent_keys


def test_dbt_tests_are_checks_of_their_models(location):
    graph = location.definitions.resolve_asset_graph()
    singular = {path.stem for path in (DBT_PROJECT / "tests").glob("*.sql")}
    assert singular <= {key.name for key in graph.asset_check_keys}


def test_the_job_runs_everything_and_skips_what_is_not_new(location):
    job = location.definitions.resolve_job_def("refresh")
    before = published.latest(location.home)
    assert job.execute_in_process().success
    assert published.latest(location.home) == before
    (location.home.published / "latest").unlink()
    assert job.execute_in_process().success
    assert published.latest(location.home) is not None


@pytest.fixture
def run(location):
    """Run the job for assets, or for everything, as the UI does; returns Dagster's result and events by kind."""

    def execute(*assets: str, expected: bool = True):
        keys = [AssetKey(asset.split("/")) for asset in assets] or None
        job = location.definitions.resolve_job_def("refresh")
        result = job.execute_in_process(raise_on_error=False, asset_selection=keys)
        assert result.success == expected
        return result

    return execute


def keys(events) -> set[str]:
    return {event.asset_key.to_user_string() for event in events}


def passed(result) -> dict[str, bool]:
    return {each.check_name: each.passed for each in result.get_asset_check_evaluations()}


def test_a_mart_of_an_unchanged_home_is_materialized_with_its_data_version(run):
    first, again = run("marts/etf_flows_daily"), run("marts/etf_flows_daily")
    (event,) = first.get_asset_materialization_events()
    assert event.asset_key == AssetKey(["marts", "etf_flows_daily"])
    versions = [
        event.step_materialization_data.materialization.tags["dagster/data_version"]
        for result in (first, again)
        for event in result.get_asset_materialization_events()
    ]
    assert len(versions) == 2
    assert len(set(versions)) == 1


def test_what_nobody_was_asked_for_is_observed_and_never_materialized(location, run):
    result = run()
    observed = keys(result.get_asset_observation_events())
    assert {"bitcoin/coin_flow", "evm/transfers", "nyse/sessions", "farside/flows"} <= observed
    assert keys(result.get_asset_materialization_events()) == set(project.load(location.home).models)


def test_tests_of_an_unchanged_home_stand_and_one_can_be_asked_for_alone(location, run):
    graph = location.definitions.resolve_asset_graph()
    of_models = {key.name for key in graph.asset_check_keys} - {READ}
    assert of_models <= {name for name, is_passed in passed(run()).items() if is_passed}
    chosen = next(key for key in graph.asset_check_keys if key.name == "cohorts_sum_to_supply")
    alone = define_asset_job("alone", AssetSelection.checks(chosen), executor_def=in_process_executor)
    definitions = Definitions(location.definitions.assets, jobs=[alone], resources=location.definitions.resources)
    assert passed(definitions.resolve_job_def("alone").execute_in_process()) == {"cohorts_sum_to_supply": True}


def test_a_test_that_fails_is_a_failed_check_and_what_it_kept_from_running_is_none(location, run, monkeypatch):
    def fail(home, settings, changed, unchanged_before, listeners, outcome):
        outcome.nodes = [
            NodeOutcome("cohorts_sum_to_supply", "fail", 0, "Got 3 results."),
            NodeOutcome("market_flows_are_the_sum_of_the_funds_flows", "skipped", 0, ""),
        ]
        raise BuildFailed("1 of the warehouse's models or tests failed: cohorts_sum_to_supply: Got 3 results.")

    built = inputs.read_built(location.home)
    assert built
    inputs.write_built(location.home, built.of_no_project())
    monkeypatch.setattr(pipeline, "_derive", fail)
    result = run(expected=False)
    inputs.write_built(location.home, built)
    assert passed(result)["cohorts_sum_to_supply"] is False
    assert "market_flows_are_the_sum_of_the_funds_flows" not in passed(result)
    assert not result.get_asset_materialization_events()
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "cohorts_sum_to_supply: Got 3 results." in str(failure.event_specific_data)


def test_a_source_that_fails_warns_and_the_rest_goes_on(run, monkeypatch):
    update = gather.update

    def refuse(source, home, mode):
        result = update(source, home, mode)
        return replace(result, failures=("farside/btc: it answered 403.",)) if source.name == "farside" else result

    monkeypatch.setattr(gather, "update", refuse)
    result = run()
    failed = [each for each in result.get_asset_check_evaluations() if not each.passed]
    assert [(each.asset_key.to_user_string(), each.severity) for each in failed] == [
        ("farside/flows", AssetCheckSeverity.WARN)
    ]
    assert "published" in keys(result.get_asset_observation_events()) | keys(result.get_asset_materialization_events())


def test_what_the_command_line_did_is_filed_into_the_homes_instance(sample_home, tmp_path):
    home = Home(shutil.copytree(sample_home, tmp_path / "home", symlinks=True))
    key = AssetCheckKey(AssetKey(["marts", "onchain_holder_supply_daily"]), "cohorts_sum_to_supply")
    with instance.open_instance(home) as dagster:
        assert filing.file_spool(home, dagster)
        record = dagster.get_latest_materialization_event(AssetKey(["marts", "etf_flows_daily"]))
        checks = dagster.event_log_storage.get_latest_asset_check_execution_by_key([key])
        assert record
        assert record.asset_materialization
        assert record.asset_materialization.metadata["build_id"].value == (published.manifest(home) or {})["build_id"]
        assert (record.asset_materialization.tags or {})["dagster/data_version"]
        assert [each.status.value for each in checks.values()] == ["SUCCEEDED"]
        assert filing.file_spool(home, dagster) == 0


def test_what_is_rebuilt_beside_the_assets_that_were_asked_for_is_filed_too(location):
    drop_row(location.home, "alternative_me/fng")
    job = location.definitions.resolve_job_def("refresh")
    with instance.open_instance(location.home) as dagster:
        asked = [AssetKey(["marts", "etf_flows_daily"])]
        assert keys(job.execute_in_process(instance=dagster, asset_selection=asked).get_asset_materialization_events())
        record = dagster.get_latest_materialization_event(AssetKey(["marts", "market_sentiment_daily"]))
        build_id = record.asset_materialization.metadata["build_id"].value
    assert build_id == (published.manifest(location.home) or {})["build_id"]


def test_the_graph_in_the_package_is_that_of_the_project():
    packaged = json.loads(project.PACKAGED.read_text())
    assert packaged["digest"] == graph.project_digest(), "run `make graph`"
