"""Debian's Postgres, started on loopback for a test by a user that is not root, and stopped by its process."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SECONDS = 30
ROOT_RUNS_AS = "postgres"
"""Debian's package makes this user; Postgres refuses to run as root."""


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        connection: how libpq finds it, without the password.
    """

    connection: str
    password: str


def commands() -> Path | None:
    """The folder of the newest Postgres's commands; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@contextmanager
def serve(bin: Path) -> Iterator[Server]:
    """A server with an empty database, gone with all it holds at the end."""
    user = ROOT_RUNS_AS if os.getuid() == 0 else None
    folder, password = Path(tempfile.mkdtemp(prefix="flowhouse-postgres-")), secrets.token_hex(16)
    (folder / "password").write_text(password)
    for path in (folder, folder / "password") if user else ():
        shutil.chown(path, user)
    initdb = [bin / "initdb", "-D", folder / "data", "--username=lake", "--auth=scram-sha-256", "--no-sync"]
    subprocess.run(
        [*initdb, f"--pwfile={folder / 'password'}"], user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"]
    options = [part for setting in settings for part in ("-c", setting)]
    with (folder / "log").open("w") as log:
        command = [bin / "postgres", "-D", folder / "data", "-p", str(port), *options]
        server = subprocess.Popen(command, user=user, cwd=folder, stdout=log, stderr=log)
    try:
        _wait(bin, port)
        yield Server(f"dbname=postgres user=lake host=127.0.0.1 port={port}", password)
    finally:
        server.send_signal(signal.SIGINT)  # ends its sessions too
        server.wait(SECONDS)
        shutil.rmtree(folder)


def _wait(bin: Path, port: int) -> None:
    end = time.monotonic() + SECONDS
    while subprocess.run([bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]).returncode:
        assert time.monotonic() < end, "Postgres did not start"
        time.sleep(0.1)
