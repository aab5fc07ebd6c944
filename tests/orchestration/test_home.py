import multiprocessing
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from filelock import FileLock, Timeout

from orchestration import home as resources
from orchestration.errors import HomeBusy
from orchestration.home import Home


@pytest.mark.parametrize(
    ("as_of", "as_of_cutoff"),
    [(None, datetime(9999, 12, 31)), (datetime(2025, 11, 20, 2, 15), datetime(2025, 11, 20, 2, 15))],
)
def test_the_control_table_says_until_when_observations_count(tmp_path, as_of, as_of_cutoff):
    home = Home(tmp_path, as_of)
    home.write_control(home.build)
    (table,) = home.build.glob("flowhouse/control/*.parquet")
    assert pl.read_parquet(table).rows() == [(as_of, as_of_cutoff)]


def test_builds_of_different_times_work_in_different_folders(tmp_path):
    assert Home(tmp_path).build != Home(tmp_path, datetime(2025, 11, 20)).build


def test_a_home_is_locked_against_others_and_open_to_its_own_process(tmp_path):
    home = Home(tmp_path)
    with home.lock(), home.lock(), pytest.raises(Timeout), FileLock(tmp_path / "build" / "lock", timeout=0.1):
        pass


def test_each_checkout_of_the_project_keeps_a_parse_of_its_own(monkeypatch, tmp_path):
    """A parse has the paths of its project's files, so another checkout cannot use it."""
    here = Home(tmp_path).dbt_target
    monkeypatch.setattr(resources, "DBT_PROJECT", tmp_path / "elsewhere")
    assert Home(tmp_path).dbt_target != here


HOLD = """
import sys
from pathlib import Path
from orchestration.home import Home
home = Home(Path(sys.argv[1]))
with {lock}:
    print("held", flush=True)
    sys.stdin.readline()
"""
LOCKS: dict[str, Callable[[Home], AbstractContextManager[None]]] = {
    "home.lock()": Home.lock,
    "home.build_lock()": Home.build_lock,
    "home.chain_lock('bitcoin', 'main')": lambda home: home.chain_lock("bitcoin", "main"),
}
HOLDERS = {
    "home.lock()": "Another flowhouse is writing to this home",
    "home.build_lock()": "Another flowhouse is building this home",
    "home.chain_lock('bitcoin', 'main')": "Another flowhouse is reading bitcoin main into this home",
}


@contextmanager
def held_elsewhere(root: Path, lock: str) -> Iterator[subprocess.Popen]:
    """Another process that holds a lock until a line is written to it."""
    command = [sys.executable, "-c", HOLD.format(lock=lock), str(root)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.communicate("\n" if process.poll() is None else None)


@pytest.mark.parametrize("lock", LOCKS)
def test_whoever_finds_a_lock_taken_waits_with_a_word_and_gets_it(tmp_path, caplog, lock):
    home = Home(tmp_path, lock_wait_seconds=60)
    with held_elsewhere(tmp_path, lock) as process:
        assert process.stdin
        threading.Timer(0.5, lambda: (process.stdin.write("\n"), process.stdin.flush())).start()
        with LOCKS[lock](home):
            assert process.wait() == 0
    assert caplog.messages == [f"{HOLDERS[lock]}: waiting up to 60 s."]


@pytest.mark.parametrize("lock", LOCKS)
def test_waiting_ends_in_a_sentence_that_names_what_holds_it(tmp_path, lock):
    home = Home(tmp_path, lock_wait_seconds=0.3)
    sentence = f"{HOLDERS[lock]} and was not done after 0 s: try again later"
    with held_elsewhere(tmp_path, lock), pytest.raises(HomeBusy, match=sentence), LOCKS[lock](home):
        pass


def test_locks_of_one_home_do_not_hold_each_other_up(tmp_path):
    home = Home(tmp_path, lock_wait_seconds=0)
    with held_elsewhere(tmp_path, "home.chain_lock('bitcoin', 'main')"):
        with home.lock(), home.build_lock(), home.chain_lock("bitcoin", "signet"), home.chain_lock("evm", "ethereum"):
            assert home.chains_being_read() == ["bitcoin main", "bitcoin signet", "evm ethereum"]
        assert home.chains_being_read() == ["bitcoin main"]
    assert home.chains_being_read() == []


def test_a_process_takes_its_locks_again_and_keeps_them_until_the_last(tmp_path):
    home = Home(tmp_path)
    for lock in LOCKS.values():
        with lock(home), lock(home):
            with lock(home):
                pass
            assert is_taken_for_others(home, lock)
        assert not is_taken_for_others(home, lock)


def test_another_thread_waits_as_another_process_does(tmp_path):
    home = Home(tmp_path, lock_wait_seconds=0)
    taken: list[bool] = []
    with home.lock():
        thread = threading.Thread(target=lambda: taken.append(is_taken(home, Home.lock)))
        thread.start()
        thread.join()
    assert taken == [True]


def is_taken(home: Home, lock: Callable[[Home], AbstractContextManager[None]]) -> bool:
    try:
        with lock(Home(home.root, lock_wait_seconds=0)):
            return False
    except HomeBusy:
        return True


def is_taken_for_others(home: Home, lock: Callable[[Home], AbstractContextManager[None]]) -> bool:
    """Whether a child of this process, which inherits its open files, must wait."""
    context = multiprocessing.get_context("fork")
    reader, writer = context.Pipe(duplex=False)
    child = context.Process(target=lambda: writer.send(is_taken(home, lock)))
    child.start()
    child.join()
    return reader.recv()
