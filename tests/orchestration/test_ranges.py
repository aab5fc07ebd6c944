"""History in ranges through the command line and Dagster, against a provider over HTTP: the rows of one process."""

import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import AssetKey, materialize
from simulated import KEY, ServedNode, held

from ingestion.evm.ranges import Range
from orchestration import instance
from orchestration.home import Home
from orchestration.partitions import histories
from orchestration.settings import Settings

BIN = Path(sys.executable).parent
FROM, RANGES = 200, ("0-99", "100-199")


@pytest.fixture(scope="module")
def served() -> Iterator[ServedNode]:
    served = ServedNode()
    yield served
    served.close()


@pytest.fixture(scope="module")
def whole(flowhouse, served, tmp_path_factory) -> dict[str, list[tuple]]:
    """What one process reads."""
    home = tmp_path_factory.mktemp("whole")
    assert flowhouse("ingest", "evm", "--rpc", served.url, "--home", home).exit_code == 0
    return held(Home(home).lake)


@pytest.fixture
def home(served, tmp_path) -> Home:
    text = f'[publishers]\nmode = "live"\n[evm.anvil]\nrpc = "{served.url}"\nfrom_block = {FROM}\nrange_blocks = 100\n'
    (tmp_path / "flowhouse.toml").write_text(text)
    return Home(tmp_path)


def test_ranges_read_by_several_processes_are_taken_by_the_next_reading(flowhouse, home, whole):
    first = flowhouse("ingest", "evm", "--home", home.root)
    assert first.exit_code == 3
    assert "2 ranges of anvil's history are not read to the end, the first of them 0-99" in first.output
    command = [BIN / "flowhouse", "ingest", "evm", "--home", home.root, "--blocks"]
    at_once = [subprocess.Popen([*command, blocks], stdout=subprocess.PIPE, text=True) for blocks in RANGES]
    said = [process.communicate(timeout=120)[0] for process in at_once]
    assert [process.returncode for process in at_once] == [0, 0], said
    assert said[1].startswith("evm anvil: 100 blocks of 100-199 read, ")
    last = flowhouse("ingest", "evm", "--home", home.root)
    assert (last.exit_code, KEY in "".join(said)) == (0, False), last.output
    assert held(home.lake) == whole
    assert "0 blocks of 0-99 read" in flowhouse("ingest", "evm", "--home", home.root, "--blocks", "0-99").output


def test_a_range_from_another_machine_is_a_folder_that_is_copied(flowhouse, home, served, whole, tmp_path_factory):
    other = Home(tmp_path_factory.mktemp("other"))
    for blocks in RANGES:
        result = flowhouse("ingest", "evm", "--rpc", served.url, "--blocks", blocks, "--home", other.root)
        assert result.exit_code == 0, result.output
    other.ranges("evm", "anvil").parent.rename(home.root / "ranges")
    assert flowhouse("ingest", "evm", "--home", home.root).exit_code == 0
    assert held(home.lake) == whole


def test_a_range_leaves_the_home_as_it_is(flowhouse, served, tmp_path):
    home = Home(tmp_path)
    home.lake.mark_as_sample()
    assert flowhouse("ingest", "evm", "--rpc", served.url, "--blocks", "0-9", "--home", tmp_path).exit_code == 0
    assert home.is_sample
    assert not (home.lake.root / "evm").exists()
    with home.range_lock("evm", "anvil", "0-9"):
        busy = subprocess.run(
            [BIN / "flowhouse", "ingest", "evm", "--rpc", served.url, "--blocks", "0-9", "--home", tmp_path],
            capture_output=True,
            text=True,
        )
    assert busy.returncode == 1
    assert "Another flowhouse is reading blocks 0-9 of evm anvil into this home: try again" in busy.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--blocks", "9-5"], "'9-5' is no range of blocks"),
        (["--blocks", "0-9", "--from-block", "3"], "--blocks is a range by itself"),
        (["--blocks", "0-9", "--day", "2025-11-03"], "--blocks is a range by itself"),
    ],
)
def test_options_that_do_not_fit_a_range_are_wrong_usage(home, options, said):
    command = [BIN / "flowhouse", "ingest", "evm", "--home", home.root, *options]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, said in result.stderr) == (2, True), result.stderr


def test_the_job_leaves_the_partitions_out_and_the_chains_tables_follow_from_them(home, monkeypatch):
    monkeypatch.setenv("FLOWHOUSE_HOME", str(home.root))
    definitions = runpy.run_module("orchestration.definitions")["definitions"]
    job = definitions.resolve_job_def("refresh")
    assert job.partitions_def is None
    history, transfers = AssetKey(["evm_ranges", "anvil"]), AssetKey(["evm", "transfers"])
    assert history not in job.asset_layer.executable_asset_keys
    assert transfers in job.asset_layer.executable_asset_keys
    graph = definitions.resolve_asset_graph()
    assert graph.get(transfers).parent_keys == {history}
    assert graph.get(AssetKey(["bitcoin", "coin_flow"])).parent_keys == set()


def test_a_partition_is_run_by_dagsters_own_executor_while_another_hand_reads(flowhouse, home, whole):
    """In a run of its own, whose step is a process of its own, as a backfill runs each."""
    (asset,) = histories(Settings.read(home.root))
    assert asset.partitions_def
    assert asset.partitions_def.get_partition_keys() == [*RANGES]
    assert asset.backfill_policy
    assert asset.backfill_policy.max_partitions_per_run == 1
    of_dagster = [BIN / "dagster", "asset", "materialize", "-m", "orchestration.definitions"]
    of_dagster += ["--select", "key:evm_ranges/anvil", "--partition", RANGES[0]]
    by_hand = [BIN / "flowhouse", "ingest", "evm", "--home", home.root, "--blocks", RANGES[1]]
    runs = [
        subprocess.Popen(
            command, env=os.environ | instance.child_environment(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for command in (of_dagster, by_hand)
    ]
    said = [run.communicate(timeout=300)[0].decode() for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert "Executing steps using multiprocess executor" in said[0], said
    with instance.open_instance(home) as opened:
        assert opened.get_materialized_partitions(asset.key) == {RANGES[0]}
    assert flowhouse("ingest", "evm", "--home", home.root).exit_code == 0
    assert held(home.lake) == whole


def test_a_partition_that_is_not_complete_is_not_materialized(home, served, monkeypatch):
    (asset,) = histories(Settings.read(home.root))
    blocks = Range.parse(RANGES[0])
    monkeypatch.setattr("ingestion.evm.ingest._finalized", lambda node, _: node.header(blocks.last - 5))
    result = materialize([asset], resources={"home": home}, partition_key=str(blocks), raise_on_error=False)
    assert not result.success
    (failure,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failure.user_failure_data
    assert "Blocks 95 to 99 are not finalized yet" in str(failure.user_failure_data.description)
