"""The sample on a standalone master with two workers on this machine, one of which is killed while it works."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyspark
import pytest
from commands import FLOWHOUSE, WAIT_SECONDS, flowhouse
from compare import differences

from orchestration.home import Home

SPARK_CLASS = Path(pyspark.__file__).parent / "bin/spark-class"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def daemon(kind: str, *options: str) -> Iterator[subprocess.Popen]:
    """A master or a worker, on loopback alone."""
    command = [SPARK_CLASS, f"org.apache.spark.deploy.{kind}", "--host", "127.0.0.1", "--webui-port", "0", *options]
    # Its web page would listen on all addresses.
    here = os.environ | {"SPARK_LOCAL_IP": "127.0.0.1"}
    process = subprocess.Popen(command, env=here, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


@pytest.fixture
def cluster(tmp_path) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """Address of a master, and its two workers, of a core each."""
    port = free_port()
    address = f"spark://127.0.0.1:{port}"
    with ExitStack() as stack:
        stack.enter_context(daemon("master.Master", "--port", str(port)))
        workers = [
            stack.enter_context(
                daemon("worker.Worker", "--cores", "1", "--memory", "2g", "--work-dir", str(tmp_path / name), address)
            )
            for name in ("one", "other")
        ]
        yield address, workers


def test_marts_are_those_of_duckdb_though_a_worker_is_killed(cluster, copied, duckdb_home):
    address, workers = cluster
    home: Home = copied()
    command = [FLOWHOUSE, "build", "--engine", "spark", "--spark-master", address, "--home", home.root]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as build:
        end = time.monotonic() + WAIT_SECONDS
        while not (home.spark_warehouse / "marts.db").exists():
            assert build.poll() is None
            assert time.monotonic() < end
            time.sleep(0.2)
        workers[0].kill()
        said, _ = build.communicate(timeout=3 * WAIT_SECONDS)
    assert build.returncode == 0, said
    assert differences(duckdb_home.build_file, home.spark_warehouse, ("seeds", "intermediate", "marts")) == []
    assert "Nothing new" in flowhouse(home, "--engine", "spark", "--spark-master", address)


def test_a_master_that_does_not_answer_is_named(copied):
    home = copied()
    address = f"spark://127.0.0.1:{free_port()}"
    before = (home.published / "latest").readlink()
    run = subprocess.run(
        [FLOWHOUSE, "build", "--engine", "spark", "--spark-master", address, "--home", home.root],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert f"Spark did not start at {address}" in run.stderr
    assert "Traceback" not in run.stderr
    assert (home.published / "latest").readlink() == before
