"""A code location that loads in a second: jobs that sleep or do not want to end, and one with a source that failed."""

import os
import signal
import time
from pathlib import Path

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    Definitions,
    MaterializeResult,
    asset,
    define_asset_job,
    in_process_executor,
)

SECRET = "hunter2-of-the-node"


def sleep(name: str) -> None:
    Path(os.environ["FLOWHOUSE_HOME"], f"{name}.begun").touch()
    time.sleep(600)


@asset(group_name="slow")
def sleeping() -> None:
    sleep("sleeping")


@asset(group_name="slow")
def stubborn() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    sleep("stubborn")


@asset(group_name="slow")
def broken() -> None:
    raise RuntimeError(f"the node refused the password {SECRET}")


@asset(group_name="sources", check_specs=[AssetCheckSpec("read_without_failure", asset="quick")])
def quick() -> MaterializeResult:
    failed = AssetCheckResult(passed=False, severity=AssetCheckSeverity.WARN, metadata={"failures": ["answered 403"]})
    return MaterializeResult(metadata={"rows": 1}, check_results=[failed])


definitions = Definitions(
    assets=[sleeping, stubborn, broken, quick],
    jobs=[
        define_asset_job(f"run_{name}", name, executor_def=in_process_executor)
        for name in ("sleeping", "stubborn", "broken", "quick")
    ],
)
