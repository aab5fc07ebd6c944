"""The code location as Dagster loads it, and its one job."""

import importlib
import os
import shutil

import pytest
from dagster import AssetKey

from orchestration.home import DBT_PROJECT
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
