"""Processes that `serve` starts, watches and ends: each with the processes it starts itself, as one group."""

import contextlib
import ctypes
import math
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from ingestion.transport.redaction import redacted
from orchestration.errors import ServeFailed

STOP_SECONDS = 7.0
"""How long processes may take to end before they are killed; what was read of a chain until then is kept."""
RESTART_SECONDS = 30.0
LINE_LENGTH = 2000
STYLE = re.compile(r"\x1b\[[0-9;]*m")
LEVEL = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+ - \S+ - (DEBUG|INFO|WARNING|ERROR|CRITICAL) - ")
QUIET = ("DEBUG", "INFO")
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SET_PARENT_DEATH_SIGNAL = 1  # of prctl


@dataclass
class Process:
    """A process and its group.

    Attributes:
        name: what it is, for messages.
        last_line: what it printed last, whether it was shown or not.
        is_shown: whether the record that its last line belongs to is one to show.
        restarts: what to start again where it ends by itself; None for a process that the others need.
    """

    name: str
    popen: subprocess.Popen[bytes]
    rest: bytes = b""
    last_line: str = ""
    is_shown: bool = True
    restarts: Sequence[str] | None = None

    def lines(self, secrets: Sequence[str]) -> Iterator[str]:
        """What it printed since the last call, without colours, secrets, and what only says that all is well."""
        assert self.popen.stdout
        *complete, self.rest = (self.rest + os.read(self.popen.stdout.fileno(), 1 << 16)).split(b"\n")
        for raw in complete:
            line = redacted(STYLE.sub("", raw.decode(errors="replace")).rstrip(), secrets, LINE_LENGTH)
            if record := LEVEL.match(line):
                self.is_shown = record[1] not in QUIET
            self.last_line = line or self.last_line
            if line and self.is_shown:
                yield line

    def is_gone(self) -> bool:
        """Whether it and all processes of its group have ended."""
        if self.popen.poll() is None:
            return False
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-self.popen.pid, os.WNOHANG)[0]:  # orphans, where this process is a container's first
                pass
        return not self.signal(0)

    def signal(self, number: int) -> bool:
        """Send a signal to the group; returns whether anybody was there."""
        try:
            os.killpg(self.popen.pid, number)
        except ProcessLookupError:
            return False
        return True


@dataclass
class Processes:
    """The processes of one `serve`; to be used as a context, whose end ends them all.

    Attributes:
        environment: of each process.
        show: called with each line that is worth showing.
        secrets: texts that are never shown.
    """

    environment: dict[str, str]
    show: Callable[[str], None]
    secrets: Sequence[str] = ()
    running: list[Process] = field(default_factory=list)
    is_stopping: bool = False
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _restarts: list[tuple[float, str, Sequence[str]]] = field(default_factory=list)
    _handlers: dict[int, Any] = field(default_factory=dict)
    _wake: tuple[int, int] = (-1, -1)

    def __enter__(self) -> "Processes":
        # Handlers wake the select, and let children start with default ones: after `sh -c '… &'` SIGINT is ignored, and
        # Dagster takes SIGINT's handler for SIGTERM too.
        self._wake = os.pipe()
        for end in self._wake:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        self._selector.register(self._wake[0], selectors.EVENT_READ)
        for number in STOPPING:
            self._handlers[number] = signal.signal(number, self._on_signal)
        self._handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        return self

    def __exit__(self, *_: object) -> None:
        self._end_all()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        self._selector.close()
        for end in self._wake:
            os.close(end)

    def start(self, name: str, command: Iterable[str], pass_fds: Sequence[int] = ()) -> Process:
        """Start a process in a session of its own, so that a signal reaches whatever it starts."""
        popen = subprocess.Popen(
            list(command),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=pass_fds,
            preexec_fn=_end_with_parent(os.getpid()),
        )
        assert popen.stdout
        process = Process(name, popen)
        self.running.append(process)
        self._selector.register(popen.stdout, selectors.EVENT_READ, process)
        return process

    def keep(self, name: str, command: Iterable[str]) -> Process:
        """Start a process that is started again where it ends by itself."""
        command = list(command)
        process = self.start(name, command)
        process.restarts = command
        return process

    def wait(self, seconds: float) -> None:
        """Show what is printed, until something happens or the time is over.

        Raises:
            ServeFailed: a process has ended by itself; the sentence has its last words.
        """
        next_restart = min((due for due, *_ in self._restarts), default=math.inf) - time.monotonic()
        self._read(max(0.0, min(seconds, next_restart)))
        if self.is_stopping:
            return
        for process in list(self.running):
            if process.restarts is None:
                self._fail_if_ended(process)
            elif process.popen.poll() is not None:
                self._restart_later(process, process.restarts)
        for restart in [each for each in self._restarts if each[0] <= time.monotonic()]:
            self._restarts.remove(restart)
            self.keep(*restart[1:])

    def wait_until(self, is_done: Callable[[], bool], seconds: float, what: str) -> bool:
        """Wait for a condition; returns False where a signal ended the waiting.

        Raises:
            ServeFailed: a process has ended, or the time is over.
        """
        deadline = time.monotonic() + seconds
        while not is_done():
            if time.monotonic() > deadline:
                raise ServeFailed(f"{what} did not answer within {seconds:.0f} s: see what it printed.")
            self.wait(0.1)
            if self.is_stopping:
                return False
        return True

    def finish(self, process: Process, seconds: float) -> None:
        """Wait until a process is done that is meant to end.

        Raises:
            ServeFailed: it failed or took too long.
        """
        deadline = time.monotonic() + seconds
        while process.popen.poll() is None and not self.is_stopping:
            if time.monotonic() > deadline:
                raise ServeFailed(f"{process.name} took longer than {seconds:.0f} s.")
            self._read(0.5)
        if process.popen.poll() == 0:
            self._forget(process)
        elif not self.is_stopping:
            self._fail_if_ended(process)

    def _fail_if_ended(self, process: Process) -> None:
        if process.popen.poll() is not None:
            raise ServeFailed(self._obituary(process))

    def _restart_later(self, process: Process, command: Sequence[str]) -> None:
        self.show(f"{self._obituary(process)}; it starts again in {RESTART_SECONDS:.0f} s.")
        self._forget(process)
        self._restarts.append((time.monotonic() + RESTART_SECONDS, process.name, command))

    def _obituary(self, process: Process) -> str:
        self._read(0)  # its last words
        code = process.popen.poll() or 0
        how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        return f"{process.name} ended by itself ({how}): {process.last_line or 'it printed nothing'}"

    def _read(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                os.read(self._wake[0], 1024)
                continue
            process: Process = key.data
            before = process.rest
            for line in process.lines(self.secrets):
                self.show(line)
            if process.rest == before and process.popen.poll() is not None:
                self._selector.unregister(key.fileobj)  # the end of its output, which would be ready for ever

    def _forget(self, process: Process) -> None:
        assert process.popen.stdout
        self._read(0)
        with contextlib.suppress(KeyError):
            self._selector.unregister(process.popen.stdout)
        process.popen.stdout.close()
        self.running.remove(process)

    def _end_all(self) -> None:
        """Ask all groups to end at once, and kill what is left after the time that it may take."""
        self.is_stopping = True
        deadline = time.monotonic() + STOP_SECONDS
        for process in self.running:
            process.signal(signal.SIGTERM)
        while not all(process.is_gone() for process in self.running):
            if time.monotonic() > deadline:
                for process in self.running:
                    process.signal(signal.SIGKILL)
                    process.popen.wait()
                break
            self._read(0.05)
        for process in list(self.running):
            self._forget(process)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True


def _end_with_parent(parent: int) -> Callable[[], None] | None:
    """What a child does before it begins: ask to be ended where `serve` itself is killed, which only Linux can."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask
