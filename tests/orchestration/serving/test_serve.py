"""`serve` from its start to its end: signals, interrupted runs, processes that die, and what is left over."""

import os
import re
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import SECRET, Served, parents

LIMIT_SECONDS = 10


def statuses(served: Served) -> list[str]:
    with sqlite3.connect(served.home / "build/dagster/history/runs.db") as con:
        return [row[0] for row in con.execute("select status from runs")]


def start_run(served: Served, asset: str) -> set[int]:
    """Launch the job of an asset and wait until it is amid it; returns the processes there are then."""
    served.launch(f"run_{asset}")
    served.wait_for((served.home / f"{asset}.begun").exists)
    processes = served.processes()
    assert len(processes) >= 5  # itself, three servers, and the run
    return processes


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for the temporary ones of one `serve`; pytest's own has too long a path for a socket in it."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_it_ends_in_time_amid_a_run_and_leaves_nothing(serve, temporary):
    served: Served = serve(env=os.environ | {"TMPDIR": str(temporary)})
    processes = start_run(served, "sleeping")
    (folder,) = temporary.glob("flowhouse-*")
    assert folder.stat().st_mode & 0o777 == 0o700
    seconds, code = served.stop()
    assert (seconds < LIMIT_SECONDS, code) == (True, 0)
    assert not processes & set(parents())
    assert not list(temporary.glob("flowhouse-*"))
    assert statuses(served) == ["FAILURE"]


def test_a_run_that_does_not_end_is_killed_and_the_next_start_says_that_it_failed(serve):
    served: Served = serve()
    processes = start_run(served, "stubborn")
    seconds, code = served.stop()
    assert (seconds < LIMIT_SECONDS, code) == (True, 0)
    assert not processes & set(parents())
    assert statuses(served) == ["STARTED"]
    assert list(serve().runs().values()) == ["FAILURE"]


def test_ctrl_c_ends_it_where_a_shell_had_its_children_ignore_it(serve):
    """As `flowhouse serve &` in a script does; Dagster's own processes would then ignore SIGTERM too."""
    served: Served = serve(preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    processes = start_run(served, "sleeping")
    seconds, code = served.stop(signal.SIGINT)
    assert (seconds < LIMIT_SECONDS, code) == (True, 0)
    assert not processes & set(parents())
    assert statuses(served) == ["FAILURE"]


def test_it_ends_with_a_reason_when_one_of_its_processes_does(serve):
    served: Served = serve()
    processes = served.processes()
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in processes}
    (code_server,) = (pid for pid, command in commands.items() if b"grpc" in command)
    os.kill(code_server, signal.SIGKILL)
    assert served.process.wait(LIMIT_SECONDS) == 1
    assert "The code server ended by itself (SIGKILL)" in served.output
    assert not processes & set(parents())


def test_its_processes_end_where_it_is_killed_itself(serve):
    served: Served = serve()
    others = served.processes() - {served.process.pid}
    served.process.kill()
    served.process.wait()
    served.wait_for(lambda: not others & set(parents()), LIMIT_SECONDS)


def test_a_run_prints_nothing_and_a_failure_no_secret(served):
    """Dagster prints each event of a run, in colours."""
    run = served.launch("run_quick")
    served.wait_for(lambda: served.runs()[run] == "SUCCESS")
    run = served.launch("run_broken")
    served.wait_for(lambda: served.runs()[run] == "FAILURE")
    served.wait_for(lambda: "STEP_FAILURE" in served.output)
    address, *failure = served.output.splitlines()
    assert re.fullmatch(r"flowhouse serves .*/home on http://127\.0\.0\.1:\d+; Ctrl-C ends it\.", address)
    assert "password …" in served.output
    assert SECRET not in served.output
    assert "\x1b" not in served.output
    assert not any("DEBUG" in line or "RUN_SUCCESS" in line for line in failure)
