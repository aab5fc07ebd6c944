"""The CPU time of builds, beside that of the imports of Dagster and dbt, and the bytes that Dagster's state fills.

Prints the median of three runs of each, in seconds and as a ratio to the imports measured between them, which says how
fast the machine is just now; then the state of a home after a thousand rounds that found nothing new.
"""

import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from ingestion.archive import Archive, Served

FLOWHOUSE = [str(Path(sys.executable).with_name("flowhouse"))]
IMPORTS = "dagster, dbt.cli.main"
RUNS = 3
LIMITS = {"nothing new": 1.0, "one fund capture": 7.0, "one fund capture, served": 4.0, "sample build": 20.0}
"""Seconds; the served one beyond the imports."""
ROUNDS, KEPT_ROUNDS = 1_000, 20
DAY_ROW = re.compile(r"<tr><td>(?:(?!<tr>).)*?>(\d\d \w{3} \d{4})<(?:(?!<tr>).)*", re.DOTALL)

SERVED = f"""
import time, {IMPORTS}
from orchestration import definitions, instance
from orchestration.assets import SCHEDULED
from orchestration.outcome import PUBLISHED, tables_of_result
with instance.open_instance(definitions.home) as opened:
    job = definitions.definitions.resolve_job_def("refresh")
    tables = tables_of_result("farside")
    names = [*tables, *definitions.graph.affected(tables), PUBLISHED]
    asked = dict(asset_selection=[dagster.AssetKey(name.split("/")) for name in names], tags={{SCHEDULED: "funds"}})
    before = time.process_time()
    for _ in range(int(__import__("sys").argv[1])):
        assert job.execute_in_process(instance=opened, **asked).success
    print(time.process_time() - before)
"""
"""Runs as the schedule of funds asks for them, in a process that has all imports behind it; prints seconds of CPU."""


def cpu_seconds(*command: str) -> float:
    """User and system time of a command and its children.

    Raises:
        CalledProcessError: it did not exit with 0.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def environment(home: Path | None = None) -> dict[str, str]:
    """As a user has it: bytecode is kept, also of flowhouse itself."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | ({"FLOWHOUSE_HOME": str(home)} if home else {})


def served(home: Path, rounds: int = 1) -> float:
    """Seconds of CPU of runs of the job, without imports."""
    command = [sys.executable, "-c", SERVED, str(rounds)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment(home))
    return float(done.stdout.split()[-1])


def add_capture(home: Path) -> None:
    """File another page of fund flows: the newest one, with one more day, on which each fund has the next one's figure
    of the day before: no day has the figures of another, and the total stays.
    """
    folder = home / "archive" / "farside" / "btc_all"
    newest = max(folder.glob("*.html"))
    page = newest.read_text()
    row = list(DAY_ROW.finditer(page))[-1]
    day = datetime.strptime(row[1], "%d %b %Y") + timedelta(days=1)
    while day.weekday() > 4:
        day += timedelta(days=1)
    head, *funds, total, end = row[0].replace(row[1], f"{day:%d %b %Y}").split("</td>")
    added = "</td>".join([head, *funds[1:], funds[0], total, end])
    content = page[: row.end()] + added + page[row.end() :]
    meta = json.loads(newest.with_suffix(".meta.json").read_text())
    at = max(day + timedelta(days=1, hours=12), datetime.strptime(newest.stem, "%Y%m%dT%H%M%SZ") + timedelta(hours=1))
    Archive(home / "archive", meta.get("is_sample", False)).put(
        "farside", "btc_all", Served(meta["url"], content.encode(), at), "html"
    )


def measure(home: Path) -> dict[str, float]:
    """Seconds of CPU of each kind of build."""
    build = [*FLOWHOUSE, "build", "--home", str(home)]

    def capture(run: Callable[[], float]) -> float:
        add_capture(home)
        return run()

    return {
        "imports of Dagster and dbt": cpu_seconds(sys.executable, "-c", f"import {IMPORTS}"),
        "sample build": cpu_seconds(*build, "--sample"),
        "nothing new": cpu_seconds(*build),
        "one fund capture": capture(lambda: cpu_seconds(*build)),
        "one fund capture, served": capture(lambda: served(home)),
        "nothing new, served": served(home),
    }


def state_bytes(home: Path) -> Iterator[int]:
    """Bytes of Dagster's state once no more than is kept is left, and the same had every one of a thousand rounds left
    what a round does beside its run: what stays of runs that are removed.
    """
    for _ in range(2):
        served(home, KEPT_ROUNDS)
        command = [sys.executable, "-m", "orchestration.serving.housekeeping"]
        subprocess.run(command, check=True, env=environment(home))
        yield sum(path.stat().st_size for path in (home / "build" / "dagster").rglob("*") if path.is_file())


if __name__ == "__main__":
    measured: dict[str, list[float]] = {}
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            for name, seconds in measure(Path(folder)).items():
                measured.setdefault(name, []).append(seconds)
    medians = {name: statistics.median(runs) for name, runs in measured.items()}
    for name, median in medians.items():
        ratio = median / medians["imports of Dagster and dbt"]
        limit = f"  limit {LIMITS[name]:.1f}" if name in LIMITS else ""
        print(f"{name:<28} {median:5.1f} s CPU  {ratio:4.2f} x imports{limit}")
