"""The process of the web UI: Dagster's webserver behind the guard, on a socket that `serve` has bound."""

import socket
import sys
from pathlib import Path

import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.version import __version__
from dagster_webserver.webserver import DagsterWebserver
from starlette.middleware import Middleware

from orchestration import environment
from orchestration.home import Home
from orchestration.instance import open_instance
from orchestration.serving.guard import Guard

POLL_MILLISECONDS = 2000
CLOSE_SECONDS = 1
"""How long open connections may keep the server from ending: pages hold a WebSocket open for as long as they are."""


class GuardedWebserver(DagsterWebserver[WorkspaceProcessContext, WorkspaceRequestContext]):
    """Dagster's webserver, which answers nobody but its own pages."""

    def __init__(self, context: WorkspaceProcessContext, hosts: list[str]) -> None:
        self._hosts = hosts
        super().__init__(context, live_data_poll_rate=POLL_MILLISECONDS)

    def build_middleware(self) -> list[Middleware]:
        return [Middleware(Guard, hosts=self._hosts), *super().build_middleware()]


def run(home: Home, descriptor: int, workspace: Path, hosts: list[str]) -> None:
    """Serve the UI until a signal ends the process.

    Args:
        descriptor: of a bound socket.
        workspace: file that names the code server.
        hosts: as for `Guard`.
    """
    bound = socket.socket(fileno=descriptor)
    with (
        open_instance(home) as instance,
        WorkspaceProcessContext(instance, WorkspaceFileTarget([str(workspace)]), version=__version__) as context,
    ):
        instance.optimize_for_webserver(statement_timeout=15_000, pool_recycle=3600, max_overflow=20)
        app = GuardedWebserver(context, hosts).create_asgi_app()
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=CLOSE_SECONDS
        )
        uvicorn.Server(config).run(sockets=[bound])


if __name__ == "__main__":
    run(Home(environment.home_root()), int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
