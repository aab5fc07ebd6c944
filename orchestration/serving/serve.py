"""`flowhouse serve`: one code server, Dagster's daemon and the web UI, started, watched and ended together."""

import http.client
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import BaseModel, SecretStr

from ingestion.errors import UsageError
from ingestion.transport import redaction
from orchestration import instance
from orchestration.home import Home
from orchestration.serving.processes import Process, Processes
from orchestration.settings import Settings

DEFINITIONS = ("orchestration.definitions", Path(__file__).parents[2])
"""Name of the module that Dagster loads, and the folder to import it from.

Dagster drops the first entry of the import path, which is one of PYTHONPATH here, unless it is given a folder.
"""
PYTHON = (sys.executable, "-P", "-m")
"""-P: the folder that `serve` was started in is none to import from."""
SOCKET_LENGTH = 100
"""Bytes of the longest path of a Unix socket, less a few."""
START_SECONDS = 180
HOUSEKEEPING_SECONDS = 900
LOOPBACK = "127.0.0.1"
HOST = re.compile(r"[\w.-]+(:\d+)?|\[[0-9A-Fa-f:]+\](:\d+)?")


@dataclass(frozen=True)
class Listen:
    """Where the UI is served.

    Attributes:
        address: to bind: loopback unless a user says otherwise.
        port: 0 for a free one.
        public: host:port under which a proxy or a container's port is reached from outside, besides loopback.
    """

    port: int
    address: str = LOOPBACK
    public: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for host in self.public:
            if not HOST.fullmatch(host):
                raise UsageError(
                    f"--public-host {host} is no host: write what stands after http://, like desk.lan:8080."
                )

    def hosts(self, port: int) -> list[str]:
        """What a browser may call this server once it is bound to a port, the name to show first."""
        own = (f"{name}:{port}" for name in (LOOPBACK, "localhost", "[::1]"))
        return [*map(str.lower, self.public), *own]


def serve(
    home: Home,
    settings: Settings,
    listen: Listen,
    mode: str | None,
    show: Callable[[str], None],
    definitions: tuple[str, Path] = DEFINITIONS,
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: of the home; no line shows a secret of theirs.
        mode: live or held, above what the settings say; None for what they say.
        show: called with each line of output.
        definitions: the module that Dagster loads, as `DEFINITIONS`.

    Raises:
        UsageError: the port is taken, or another `serve` runs on the home.
        ServeFailed: a process ended by itself; the others are ended then.
    """
    with (
        _sole_server(home),
        _bind(listen) as bound,
        _short_folder() as folder,
        Processes(instance.child_environment(home, mode), show, list(secrets(settings))) as processes,
    ):
        hosts = listen.hosts(bound.getsockname()[1])
        code, workspace = folder / "code.sock", folder / "workspace.yaml"
        workspace.write_text(f"load_from: [{{grpc_server: {{socket: {code}, location_name: flowhouse}}}}]\n")
        # First and alone: two processes that create Dagster's databases at once leave them unreadable for ever.
        _keep_house(processes, "--start")
        processes.start("The code server", _code_server(code, definitions))
        if not processes.wait_until(code.exists, START_SECONDS, "The code server"):
            return
        web = [*PYTHON, "orchestration.serving.webserver", str(bound.fileno()), str(workspace), *hosts]
        processes.start("The web server", web, [bound.fileno()])
        daemon = [*PYTHON, "dagster._daemon", "run", "--workspace", str(workspace), "--log-level", "warning"]
        processes.start("Dagster's daemon", daemon)
        if settings.collect.liquidations:
            processes.keep("The collector", [*PYTHON, "orchestration.collecting"])
        if processes.wait_until(lambda: _answers(bound.getsockname(), hosts[0]), START_SECONDS, "The web server"):
            show(f"flowhouse serves {home.root} on http://{hosts[0]}; Ctrl-C ends it.")
            _watch(processes)


def _watch(processes: Processes) -> None:
    """Show what the processes print, and keep house from time to time, until a signal comes."""
    due = time.monotonic() + HOUSEKEEPING_SECONDS
    while not processes.is_stopping:
        processes.wait(max(0.0, due - time.monotonic()))
        if time.monotonic() >= due:
            _keep_house(processes)
            due = time.monotonic() + HOUSEKEEPING_SECONDS


def _keep_house(processes: Processes, *arguments: str) -> None:
    """In a process that ends: one that stayed would take 100 MB."""
    process: Process = processes.start("Housekeeping", [*PYTHON, "orchestration.serving.housekeeping", *arguments])
    processes.finish(process, START_SECONDS)


def _code_server(path: Path, definitions: tuple[str, Path]) -> list[str]:
    command = [*PYTHON, "dagster", "api", "grpc", "--socket", str(path), "--module-name", definitions[0]]
    command += ["--working-directory", str(definitions[1]), "--use-python-environment-entry-point"]
    return [*command, "--location-name", "flowhouse", "--log-level", "warning"]


@contextmanager
def _sole_server(home: Home) -> Iterator[None]:
    (home.root / "build").mkdir(parents=True, exist_ok=True)
    lock = FileLock(home.root / "build" / "serve.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(f"Another `flowhouse serve` runs on {home.root}: end it first.") from None
    with lock:
        lock.release()
        yield


@contextmanager
def _bind(listen: Listen) -> Iterator[socket.socket]:
    """A socket that is bound and does not listen yet, so that nobody waits for an answer before the UI is there."""
    family = socket.AF_INET6 if ":" in listen.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((listen.address, listen.port))
        except OSError as error:
            raise UsageError(
                f"Port {listen.port} is taken: end the other program, or name another with --port."
                if "in use" in str(error.strerror)
                else f"{listen.address}:{listen.port} cannot be served ({error.strerror}): name another with --port."
            ) from None
        yield bound


@contextmanager
def _short_folder() -> Iterator[Path]:
    """A folder that only this user reads; its path must leave room for a socket's name."""
    folder = Path(tempfile.mkdtemp(prefix="flowhouse-"))
    if len(bytes(folder)) + len("/code.sock") > SOCKET_LENGTH:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="flowhouse-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def secrets(value: object) -> Iterator[str]:
    """Each text among the settings that must not be shown: a password, or the parts of an address with a key."""
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        yield from redaction.secrets(text) if "://" in text else filter(None, [text])
    elif isinstance(value, BaseModel):
        # not dict(value): a model with a field named keys would be taken for a mapping
        yield from secrets([getattr(value, name) for name in type(value).model_fields])
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from secrets(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from secrets(each)


def _answers(address: tuple[str, int], host: str) -> bool:
    """Whether the UI answers a request."""
    reachable = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(address[0], address[0])
    connection = http.client.HTTPConnection(reachable, address[1], timeout=5)
    try:
        connection.request("GET", "/server_info", headers={"Host": host})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
