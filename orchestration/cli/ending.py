"""How a command ends: errors and signals in one sentence, a closed pipe in none; `--debug` shows the traceback."""

import atexit
import errno
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import click

from ingestion.errors import IngestionError, UsageError
from orchestration.cli.exit_codes import FAILED, WRONG_USAGE
from orchestration.cli.output import printable_output
from orchestration.errors import BuildFailed, CopyFailed, HomeBusy, PublishedDamaged, ServeFailed

FOR_USERS = (IngestionError, BuildFailed, CopyFailed, HomeBusy, PublishedDamaged, ServeFailed)
NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
NO_ACCESS = {errno.EROFS, errno.EACCES, errno.EPERM}
BROKEN = {errno.EIO, errno.EUCLEAN, errno.ENODEV, errno.ENXIO}
TO_DO = {
    **dict.fromkeys(NO_ROOM, "make room, or name another home with --home."),
    **dict.fromkeys(NO_ACCESS, "get access to it, or name another home with --home."),
    **dict.fromkeys(BROKEN, "check the disk, and restore the home from a backup."),
    errno.EMFILE: "raise the number of files that a process may open (`ulimit -n`).",
}
GRACE_SECONDS = 10
"""For what a signal broke off to be put away: DuckDB sometimes waits for ever for a query that was."""
INTERRUPTED = "ended by a signal: what was stored stays, and the next run goes on from there."


class Commands(click.Group):
    """Errors end in one sentence and an exit code; `--debug` shows the traceback."""

    _signals: Sequence[int] = ()

    def main(self, *args: Any, **extra: Any) -> Any:
        """As click has it, with the signals and streams of a program."""
        with printable_output(), _signals() as self._signals:
            try:
                try:
                    return super().main(*args, **extra)
                finally:
                    sys.stdout.flush()
            except BrokenPipeError:
                _end_silently()

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except (KeyboardInterrupt, Exception) as error:
            if self._signals:  # DuckDB and dbt make other errors of it
                click.echo(f"flowhouse: {INTERRUPTED}", err=True)
                ctx.exit(128 + self._signals[0])
            if isinstance(error, BrokenPipeError) and _is_output_closed():
                _end_silently()
            if ctx.params.get("debug") or not isinstance(error, Exception):
                raise
            click.echo(f"flowhouse: {sentence(error)}", err=True)
            ctx.exit(WRONG_USAGE if isinstance(error, UsageError) else FAILED)


def sentence(error: Exception) -> str:
    """An error in one sentence that says what is wrong and what to do."""
    if isinstance(error, FOR_USERS):
        return str(error)
    if isinstance(error, OSError):
        how = "cannot be written" if error.errno in NO_ROOM | {errno.EROFS} else "cannot be read or written"
        to_do = TO_DO.get(error.errno or 0, "check that it is there, and its disk.")
        return f"{error.filename or 'A file'} {how} ({error.strerror or error}): {to_do}"
    return (
        f"This should not have happened ({type(error).__name__}): run `flowhouse --debug …` and report the traceback."
    )


@contextmanager
def _signals() -> Iterator[Sequence[int]]:
    """Let SIGTERM end a command as Ctrl-C does, and let a second signal end it at once; yields those that came."""
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen
        return

    def end_at_once(number: int) -> None:
        os.write(2, b"flowhouse: ended at once; what was stored stays.\n")
        os._exit(128 + number)

    def end(number: int, frame: FrameType | None) -> None:
        if seen:
            end_at_once(number)
        seen.append(number)
        timer.append(threading.Timer(GRACE_SECONDS, end_at_once, [number]))
        timer[0].daemon = True
        timer[0].start()
        raise KeyboardInterrupt

    timer: list[threading.Timer] = []
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for each in timer:
            each.cancel()


def _is_output_closed() -> bool:
    """Whether nobody reads standard output any more; another pipe may have broken, of a node for one."""
    poll = select.poll()
    poll.register(1, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _end_silently() -> NoReturn:
    """Exit as a program does that SIGPIPE ends; what is still buffered goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(128 + signal.SIGPIPE)


def program(command: Commands) -> NoReturn:
    """Run a command as the process: one that was interrupted waits for none of its threads."""
    try:
        command()
    except SystemExit as ended:
        if ended.code in (128 + signal.SIGINT, 128 + signal.SIGTERM):
            sys.stdout.flush()
            atexit._run_exitfuncs()  # of multiprocessing, whose tracker would else complain of semaphores
            os._exit(int(ended.code or 0))
        raise
    sys.exit(0)
