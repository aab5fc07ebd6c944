"""A session of Spark in this process: its Java machine, which ends with it, and the settings that decide results."""

import logging
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.configuration.checks import mebibytes
from orchestration.errors import BuildFailed
from orchestration.settings import Engine

if TYPE_CHECKING:
    from pyspark import SparkConf, SparkContext  # pyright: ignore[reportMissingImports]
    from pyspark.sql import SparkSession  # pyright: ignore[reportMissingImports]

DECIDING = {
    # An overflow is an error and no null.
    "spark.sql.ansi.enabled": "true",
    # Else decimal(38, 8) less decimal(38, 8) has seven digits, rounded, and a product six.
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.session.timeZone": "UTC",
    # Without a zone, as in the lake.
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
}
"""What decides results. The dbt project refuses a session that has other values."""

COMMON = {
    "spark.app.name": "flowhouse",
    # The warehouse's folder says which tables there are: nothing beside it can disagree, or break with a killed driver.
    "spark.sql.catalogImplementation": "in-memory",
    # What a killed driver left is written over.
    "spark.sql.legacy.allowNonEmptyLocationInCTAS": "true",
    "spark.sql.sources.default": "parquet",
    "spark.sql.sources.partitionOverwriteMode": "dynamic",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
LOOPBACK = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
HERE = ("local", "spark://127.0.0.1:", "spark://localhost:")
SHARES_PER_THREAD = 2
WORKERS_SECONDS = 60
STOP_SECONDS = 30


@contextmanager
def session(engine: Engine, warehouse: Path, log: Path) -> Iterator["SparkSession"]:
    """Start Spark, let dbt's adapter take this session for its own, and end it with its Java machine.

    Args:
        warehouse: the folder of its tables, which each worker and this machine see at the same path.
        log: the file for what Spark says.

    Raises:
        BuildFailed: it does not start, or no worker joins it.
    """
    from pyspark.sql import SparkSession  # pyright: ignore[reportMissingImports]

    with log.open("wb") as said:
        context = _start(_configuration(engine, warehouse), said, log)
        try:
            _await_workers(context, engine.master, log)
            yield SparkSession(context)
        finally:
            _stop(context)


def _configuration(engine: Engine, warehouse: Path) -> "SparkConf":
    from pyspark import SparkConf  # pyright: ignore[reportMissingImports]

    settings = {**COMMON, **DECIDING, "spark.master": engine.master, "spark.sql.warehouse.dir": str(warehouse)}
    if engine.master.startswith(HERE):
        settings |= LOOPBACK
    if engine.master.startswith("local"):
        # 200 partitions of a table with few rows are 200 tasks.
        settings["spark.sql.shuffle.partitions"] = str(SHARES_PER_THREAD * engine.threads)
    if engine.memory_limit:
        memory = f"{mebibytes(engine.memory_limit)}m"
        settings |= {"spark.driver.memory": memory, "spark.executor.memory": memory}
    return SparkConf(loadDefaults=False).setAll(list(settings.items()))


def _start(configuration: "SparkConf", said: Any, log: Path) -> "SparkContext":
    from py4j.protocol import Py4JError  # pyright: ignore[reportMissingImports]
    from pyspark import SparkContext  # pyright: ignore[reportMissingImports]
    from pyspark.errors import PySparkException  # pyright: ignore[reportMissingImports]
    from pyspark.java_gateway import launch_gateway  # pyright: ignore[reportMissingImports]

    # An error is raised with its words.
    logging.getLogger("SQLQueryContextLogger").disabled = True
    handler = signal.getsignal(signal.SIGINT)
    try:
        gateway = launch_gateway(configuration, {"stdout": said, "stderr": subprocess.STDOUT})
        try:
            return SparkContext(conf=configuration, gateway=gateway)
        except BaseException:
            _end(gateway)
            raise
    except (PySparkException, Py4JError) as error:
        raise _not_started(str(configuration.get("spark.master")), log) from error
    finally:
        # Spark puts its own in place, and ours says how a command ended.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)


def _not_started(master: str, log: Path) -> BuildFailed:
    return BuildFailed(
        f"Spark did not start at {master} (it needs Java 17 or later, and a master that answers): see {log}."
    )


def _await_workers(context: "SparkContext", master: str, log: Path) -> None:
    """A job without a worker would wait for ever."""
    from py4j.protocol import Py4JError  # pyright: ignore[reportMissingImports]

    scheduler: Any = context._jsc.sc()
    end = time.monotonic() + WORKERS_SECONDS
    try:
        while not master.startswith("local") and scheduler.getExecutorMemoryStatus().size() < 2:  # the driver is one
            if time.monotonic() > end:
                raise BuildFailed(
                    f"No worker of {master} took the build: start one that has the memory that it asks for."
                )
            time.sleep(0.2)
    except Py4JError as error:  # it gave up on a master that did not answer, and ended
        raise _not_started(master, log) from error


def _stop(context: "SparkContext") -> None:
    gateway: Any = context._gateway
    try:
        context.stop()
    finally:
        _end(gateway)


def _end(gateway: Any) -> None:
    """End the Java machine, so that the next session of this process starts its own."""
    from pyspark import SparkContext  # pyright: ignore[reportMissingImports]

    gateway.shutdown()
    gateway.proc.stdin.close()
    try:
        gateway.proc.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        gateway.proc.kill()
        gateway.proc.wait()
    SparkContext._gateway = SparkContext._jvm = None
