"""Builds as users run them, and builds that are killed."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestration.home import Home

FLOWHOUSE = Path(sys.executable).with_name("flowhouse")
WAIT_SECONDS = 600


def flowhouse(home: Home, *options: str, seconds: float = WAIT_SECONDS) -> str:
    """Run `flowhouse build` to its end; returns what it said."""
    run = subprocess.run(
        [FLOWHOUSE, "build", *options, "--home", home.root],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
    )
    assert run.returncode == 0, run.stdout
    return run.stdout


@contextmanager
def killed(command: list[str | Path]) -> Iterator[subprocess.Popen]:
    """A process that is killed with SIGKILL at the end of the block, where it has not ended."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        assert process.wait() == -signal.SIGKILL, "it ended before it was killed"
