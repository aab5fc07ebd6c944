"""The CPU time of a build of the sample, and of the imports of Dagster and dbt alone.

Prints the median of three runs of each, in seconds and as a ratio to the imports.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

FLOWHOUSE = [str(Path(sys.executable).with_name("flowhouse"))]
IMPORTS = [sys.executable, "-c", "import dagster, dagster_dbt, dbt.cli.main"]
RUNS = 3


def cpu_seconds(command: list[str]) -> float:
    """User and system time of a command and its children.

    Raises:
        CalledProcessError: it did not exit with 0.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure() -> dict[str, list[float]]:
    """CPU seconds of each kind of build, each run in a home of its own."""
    seconds: dict[str, list[float]] = {"imports of Dagster and dbt": []}
    for _ in range(RUNS):
        seconds["imports of Dagster and dbt"].append(cpu_seconds(IMPORTS))
        with tempfile.TemporaryDirectory() as home:
            steps = {
                "sample build": ["build", "--sample"],
                "nothing new": ["build"],
                "changed rebuild": ["build"],
            }
            for name, arguments in steps.items():
                if name == "changed rebuild":
                    drop_a_row(Path(home))
                seconds.setdefault(name, []).append(cpu_seconds([*FLOWHOUSE, *arguments, "--home", home]))
    return seconds


def drop_a_row(home: Path) -> None:
    """Change the lake a little, as a new capture would."""
    import polars as pl

    table = home / "lake" / "farside" / "flows" / "flows.parquet"
    pl.read_parquet(table).slice(1).write_parquet(table)


if __name__ == "__main__":
    medians = {name: statistics.median(runs) for name, runs in measure().items()}
    baseline = medians["imports of Dagster and dbt"]
    for name, median in medians.items():
        print(f"{name:<28} {median:5.1f} s CPU  {median / baseline:4.1f} x imports")
