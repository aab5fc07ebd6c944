"""What `serve` does from time to time, in a process of its own that ends: old runs are removed."""

import sys

from orchestration import environment, instance
from orchestration.home import Home

KEEP_RUNS = 20
"""Finished runs that stay in the UI; 0.9 MB each."""


def run(home: Home, is_start: bool) -> None:
    """Bring Dagster's state in order.

    Args:
        is_start: nothing runs yet, so that what is marked as running was interrupted.
    """
    with instance.open_instance(home) as opened:
        if is_start:
            instance.end_interrupted_runs(opened)
        instance.remove_old_runs(opened, KEEP_RUNS)


if __name__ == "__main__":
    run(Home(environment.home_root()), "--start" in sys.argv)
